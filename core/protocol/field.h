#pragma once

#include <tuple>
#include <utility>

/// One entry of a fields() table: (key in the CBOR map or JSON object, member).
#define LS_FIELD(Type, member, key)                                                                                    \
    std::pair                                                                                                          \
    {                                                                                                                  \
        key, &Type::member                                                                                             \
    }
