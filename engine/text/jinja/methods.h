#pragma once

#include "engine/text/jinja/machine.h"

namespace ls::jinja {

using Method = Value (*)(Machine&, const Value& self, std::string_view name, Arguments&);
/// A method as a value that can be called.
Value bound(Machine& machine, const Value& self, std::string_view name, Method method);
/// Exists in Python, not here.
Value unsupportedMethod(Machine& machine, const Value& self, std::string_view name, Arguments& arguments);
std::optional<Value> textMethod(Machine& machine, const Value& self, std::string_view name);
/// An argument as a text. Failure: another type.
const Text& needText(const Value& value, const char* what);
Value splitMethod(Machine& machine, const Value& self, std::string_view name, Arguments& arguments); ///< and rsplit
Value splitLinesMethod(Machine& machine, const Value& self, std::string_view name, Arguments& arguments);
Value partitionMethod(Machine& machine, const Value& self, std::string_view name, Arguments& arguments);
/// Byte offsets of a part that is not empty, without overlaps.
std::vector<std::size_t> positionsOf(std::string_view text, std::string_view part);
/// str.replace; count < 0: all.
std::string replaced(Machine& machine, std::string_view text, std::string_view old, std::string_view with,
                     std::int64_t count);
/// "{} {0} {name}".format(...), without format specifications.
std::string formatBraces(Machine& machine, std::string_view format, const Arguments& arguments);

} // namespace ls::jinja
