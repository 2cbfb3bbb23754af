#pragma once

#include "engine/text/jinja/ast.h"

#include <initializer_list>

namespace ls::jinja {

/// Recursive descent over the tokens. Private to parser.cpp and expression_parser.cpp.
class Parser {
public:
    explicit Parser(std::vector<TokenText> tokens);
    Body parseTemplate();

private:
    using Words = std::vector<std::string_view>;

    // tokens
    const TokenText& current() const { return m_tokens[m_at]; }
    const TokenText& look();
    TokenText take();
    bool is(Token type) const { return current().type == type; }
    bool isWord(std::string_view word) const { return is(Token::Name) && current().text == word; }
    bool isAnyWord(const Words& words) const;
    bool skip(Token type);
    bool skipWord(std::string_view word);
    TokenText expect(Token type);
    TokenText expectWord(std::string_view word);
    [[noreturn]] void fail(std::string message, int line = 0) const;
    [[noreturn]] void failUnexpected(std::string_view expected) const;
    static std::string_view describeToken(const TokenText& token);
    void checkNotBroken() const;

    // statements
    Body parseBody(const Words* ends);
    Body parseStatements(const Words& ends, bool dropEnd);
    StatementPtr parseStatement();
    StatementPtr parseNamed(std::string_view tag);
    StatementPtr parseFor();
    StatementPtr parseIf();
    StatementPtr parseSet();
    StatementPtr parseMacro();
    StatementPtr parseCallBlock();
    StatementPtr parseFilterBlock();
    StatementPtr parseWith();
    StatementPtr parseTransparent(std::string_view tag);
    StatementPtr parsePrint();
    void parseSignature(MacroDefinition& macro);
    Body parseMacroBody(MacroDefinition& macro, const Words& ends);
    [[noreturn]] void failUnknownTag(const std::string* name, const std::vector<Words>& stack, int line);

    // expressions
    ExpressionPtr parseTarget(const Words& ends, bool withMember);
    std::string parseTargetName();
    ExpressionPtr parseTuple(const Words& ends, bool withCondition, bool parentheses, bool simple, bool withMember);
    ExpressionPtr parseExpression(bool withCondition = true);
    ExpressionPtr parseConditional();
    ExpressionPtr parseLogic(bool disjunction);
    ExpressionPtr parseNot();
    ExpressionPtr parseCompare();
    ExpressionPtr parseSum();
    ExpressionPtr parseConcat();
    ExpressionPtr parseProduct();
    ExpressionPtr parsePower();
    ExpressionPtr parseUnary(bool withFilter = true);
    ExpressionPtr parsePrimary(bool withMember = false);
    ExpressionPtr parseNameOrConstant(bool withMember);
    ExpressionPtr parseList();
    ExpressionPtr parseDict();
    ExpressionPtr parsePostfix(ExpressionPtr node);
    ExpressionPtr parseFilters(ExpressionPtr node);
    ExpressionPtr parseFilter(ExpressionPtr node, bool started);
    ExpressionPtr parseTest(ExpressionPtr node);
    ExpressionPtr parseSubscript(ExpressionPtr node);
    ExpressionPtr parseBrackets(ExpressionPtr node, int line);
    ExpressionPtr parseCall(ExpressionPtr node);
    CallArguments parseArguments();
    template <typename Next>
    ExpressionPtr parseChain(std::initializer_list<std::pair<Token, Expression::Operator>> operators, Next next);

    /// One level of brackets or blocks.
    class Nesting {
    public:
        explicit Nesting(Parser& parser)
            : m_parser(parser)
        {
            if (++parser.m_nesting > kMaxNesting)
                parser.fail("The template is nested too deeply.");
        }
        ~Nesting() { --m_parser.m_nesting; }
        Nesting(const Nesting&) = delete;
        Nesting& operator=(const Nesting&) = delete;

    private:
        Parser& m_parser;
    };

    std::vector<TokenText> m_tokens;
    std::size_t m_at = 0;
    int m_nesting = 0;
    std::vector<std::string> m_tags;        // open tags, innermost last
    std::vector<Words> m_ends;              // what closes them
    std::vector<MacroDefinition*> m_macros; // whose bodies are being read
};

ExpressionPtr makeExpression(Expression::Kind kind, int line);
/// An expression around another one.
ExpressionPtr wrap(Expression::Kind kind, int line, ExpressionPtr item);

} // namespace ls::jinja
