#pragma once

#include "engine/text/jinja/value.h"

/// Cuts a template into tokens, with the white space rules chat templates are written for: trim_blocks and
/// lstrip_blocks on, the last newline of the source dropped.
namespace ls::jinja {

enum class Token {
    Data,
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    End,
    Broken,
    Name,
    String,
    Integer,
    Real,
    Add,
    Sub,
    Div,
    FloorDiv,
    Mul,
    Mod,
    Pow,
    Tilde,
    LeftBracket,
    RightBracket,
    LeftParenthesis,
    RightParenthesis,
    LeftBrace,
    RightBrace,
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Assign,
    Dot,
    Colon,
    Pipe,
    Comma,
    Semicolon
};

struct TokenText {
    Token type = Token::End;
    int line = 1;
    std::string text; ///< data, name, text without quotes, message of Broken
    Value value;      ///< of numbers
};

/// What error messages call a kind of token.
std::string_view describe(Token type);
/// What cannot be cut ends the list as Broken with the message: what comes before may be a better error.
std::vector<TokenText> tokenize(std::string_view source);

} // namespace ls::jinja
