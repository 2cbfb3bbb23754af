#pragma once

#include "core/model_info.h"
#include "core/spec/method_schema.h"

#include <QWidget>

namespace ls {

/// The widget of one method parameter, chosen by its type (workbench-ui section 6). The control that holds the value
/// carries the object name; parts of it add a suffix (.slider, .strip, .import, .<enum value>).
class ParamEditor : public QWidget {
    Q_OBJECT
public:
    virtual void setValue(const nlohmann::json& value) = 0; ///< does not emit edited()
    virtual void setModel(const ModelInfo*) {}

Q_SIGNALS:
    void edited(const nlohmann::json& value, bool dragging); ///< by the user; dragging: more will follow
    void problem(const QString& text);                       ///< the text typed cannot be read; empty = it can again

protected:
    using QWidget::QWidget;
};

ParamEditor* makeParamEditor(const ParamSchema& schema, const QString& objectName, QWidget* parent = nullptr);

namespace editors {
ParamEditor* number(const ParamSchema& schema, const QString& name, QWidget* parent);
ParamEditor* choice(const ParamSchema& schema, const QString& name, QWidget* parent); ///< bool, enum, token class
ParamEditor* layers(const ParamSchema& schema, const QString& name, QWidget* parent);
ParamEditor* heads(const ParamSchema& schema, const QString& name, QWidget* parent);
ParamEditor* words(const ParamSchema& schema, const QString& name, QWidget* parent); ///< text
ParamEditor* vectorFile(const ParamSchema& schema, const QString& name, QWidget* parent);
} // namespace editors

/// "3.1,7.*" -> [[3,1],[7,0],...]; the error names the entry.
Result<nlohmann::json> headSetFromText(const QString& text, int blockCount, int headCount);
QString headSetText(const nlohmann::json& heads);

} // namespace ls
