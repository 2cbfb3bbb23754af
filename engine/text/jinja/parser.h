#pragma once

#include "engine/text/jinja/ast.h"

namespace ls::jinja {

/// Failure (with line): what the reference implementation says about the same mistake.
Body parse(std::string_view source);
/// Unknown filters and tests are mistakes of the template unless they stand in a branch: there they fail when reached.
/// Also `break` outside a loop.
void check(const Body& body);

} // namespace ls::jinja
