#include "ui/desk/param_editor.h"

namespace ls {

ParamEditor* makeParamEditor(const ParamSchema& schema, const QString& objectName, QWidget* parent)
{
    switch (schema.type) {
    case ParamType::Int:
    case ParamType::Float:
        return editors::number(schema, objectName, parent);
    case ParamType::Bool:
    case ParamType::Enum:
    case ParamType::TokenClass:
        return editors::choice(schema, objectName, parent);
    case ParamType::LayerRange:
    case ParamType::LayerSet:
        return editors::layers(schema, objectName, parent);
    case ParamType::HeadSet:
        return editors::heads(schema, objectName, parent);
    case ParamType::VectorFile:
        return editors::vectorFile(schema, objectName, parent);
    case ParamType::Text:
    case ParamType::PromptSet:
    case ParamType::DataSet:
        return editors::words(schema, objectName, parent);
    }
    return nullptr;
}

} // namespace ls
