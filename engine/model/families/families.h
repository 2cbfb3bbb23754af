#pragma once

#include "engine/model/family.h"

/// One function per family, each in a file of its own.
namespace ls::families {

Family llama();

} // namespace ls::families
