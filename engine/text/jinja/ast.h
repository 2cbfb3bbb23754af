#pragma once

#include "engine/text/jinja/lexer.h"

namespace ls::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using StatementPtr = std::unique_ptr<Statement>;
using Body = std::vector<StatementPtr>;

struct CallArguments {
    std::vector<ExpressionPtr> positional;
    std::vector<std::pair<std::string, ExpressionPtr>> named;
    ExpressionPtr morePositional, moreNamed; ///< *args, **kwargs
};

struct Expression {
    enum class Kind {
        Constant,    ///< value
        Name,        ///< text
        Member,      ///< text of a namespace: target of `set` only
        Tuple,       ///< items
        List,        ///< items
        Dict,        ///< items: key, value, key, value ...
        Attribute,   ///< items[0] . text
        Item,        ///< items[0] [ items[1] ]
        Slice,       ///< items[0] [ items[1] : items[2] : items[3] ], the last three may be null
        Call,        ///< items[0] ( arguments )
        Filter,      ///< items[0] | text ( arguments ); items[0] is null in filter and set blocks
        Test,        ///< items[0] is text ( arguments )
        Not,         ///< items[0]
        Negative,    ///< items[0]
        Positive,    ///< items[0]
        And,         ///< items
        Or,          ///< items
        Conditional, ///< items[1] if items[0] else items[2], which may be null
        Arithmetic,  ///< items[0] operators[0] items[1] operators[1] ..., from the left
        Compare,     ///< items[0] operators[0] items[1] and items[1] operators[1] items[2] ...
        Concat       ///< items, `~` between
    };
    enum class Operator {
        Add,
        Sub,
        Mul,
        Div,
        FloorDiv,
        Mod,
        Pow,
        Equal,
        NotEqual,
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        In,
        NotIn
    };
    Kind kind = Kind::Constant;
    int line = 0;
    std::string text, member; ///< member: name.member
    Value value;
    std::vector<ExpressionPtr> items;
    std::vector<Operator> operators;
    CallArguments arguments;
    int depth = 1; ///< levels of expressions below and including this one: they are evaluated and freed recursively

    void add(ExpressionPtr item); ///< a null item is kept. Failure: nested too deeply
    void setArguments(CallArguments given);

private:
    void deepen(const ExpressionPtr& child);
};

struct Parameter {
    std::string name;
    ExpressionPtr fallback; ///< may be null
};

/// Macro, or the body of a call block.
struct MacroDefinition {
    std::string name;
    std::vector<Parameter> parameters;
    Body body;
    bool usesCaller = false, usesNamed = false, usesPositional = false; ///< caller, kwargs, varargs appear in the body
};

struct Statement {
    enum class Kind {
        Text,        ///< text
        Print,       ///< expression
        If,          ///< branches, otherwise
        For,         ///< target in expression if condition: body, otherwise
        Set,         ///< target = expression
        SetBlock,    ///< target = body through expression (filters), which may be null
        Macro,       ///< macro
        Call,        ///< expression with macro as caller
        FilterBlock, ///< body through expression
        With,        ///< targets = values: body
        Scope,       ///< body with variables of its own
        Break,
        Continue
    };
    struct Branch {
        ExpressionPtr condition;
        Body body;
    };
    Kind kind = Kind::Text;
    int line = 0;
    std::string text;
    ExpressionPtr target, expression, condition;
    std::vector<Branch> branches;
    std::vector<std::pair<ExpressionPtr, ExpressionPtr>> assignments;
    Body body, otherwise;
    std::unique_ptr<MacroDefinition> macro;
    bool recursive = false;
};

} // namespace ls::jinja
