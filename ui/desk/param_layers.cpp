#include "ui/desk/layer_strip.h"
#include "ui/desk/param_editor.h"

#include "core/spec/layer_set.h"

#include <QLineEdit>
#include <QVBoxLayout>

#include <algorithm>

namespace ls::editors {

namespace {

/// Cell strip and text "2,5,9-12". A full set is written as "all" where that is the parameter's default.
class LayersEditor final : public ParamEditor {
public:
    LayersEditor(const ParamSchema& schema, const QString& name, QWidget* parent)
        : ParamEditor(parent)
        , m_lockEnds(!schema.locked.empty())
        , m_allByDefault(schema.defaultValue == "all")
        , m_strip(new LayerStrip)
        , m_text(new QLineEdit)
    {
        const QString title = QString::fromStdString(schema.title);
        m_strip->setObjectName(name + QStringLiteral(".strip"));
        m_strip->setAccessibleName(tr("%1, cells").arg(title));
        m_text->setObjectName(name);
        m_text->setAccessibleName(title);
        m_text->setPlaceholderText(tr("none, for example 2,5,9-12"));
        m_text->setToolTip(QString::fromStdString(schema.help));
        auto* column = new QVBoxLayout(this);
        column->setContentsMargins(0, 0, 0, 0);
        column->setSpacing(2);
        column->addWidget(m_strip);
        column->addWidget(m_text);
        connect(m_strip, &LayerStrip::edited, this, [this](bool dragging) {
            m_text->setText(textOf(m_strip->chosen()));
            Q_EMIT problem({});
            Q_EMIT edited(json(m_strip->chosen()), dragging);
        });
        connect(m_text, &QLineEdit::editingFinished, this, &LayersEditor::readText);
    }

    void setModel(const ModelInfo* model) override
    {
        m_count = model ? model->blockCount : 0;
        m_strip->setBlocks(m_count, m_lockEnds && m_count > 1 ? std::vector<int>{0, m_count - 1} : std::vector<int>{});
        m_strip->setVisible(m_count > 0);
        setValue(m_value);
    }

    void setValue(const nlohmann::json& value) override
    {
        m_value = value;
        // Without a model there is no last block: the text stands as it is stored.
        const auto layers = layerSetFromJson(value, m_count > 0 ? m_count : 4096);
        m_strip->setChosen(layers ? layers.value() : std::vector<int>{});
        if (!m_text->hasFocus() || !m_text->isModified())
            m_text->setText(value == "all" ? tr("all") : layers ? textOf(layers.value()) : QString());
    }

private:
    QString textOf(const std::vector<int>& layers) const
    {
        if (m_allByDefault && m_count > 0 && int(layers.size()) == m_count)
            return tr("all");
        return QString::fromStdString(layerSetText(layers));
    }
    nlohmann::json json(const std::vector<int>& layers) const
    {
        if (m_allByDefault && m_count > 0 && int(layers.size()) == m_count)
            return "all";
        return layers;
    }
    void readText()
    {
        if (!m_text->isModified())
            return;
        const QString typed = m_text->text().trimmed();
        const nlohmann::json form = typed == tr("all") ? nlohmann::json("all")
                                    : typed.isEmpty()  ? nlohmann::json::array()
                                                       : nlohmann::json(typed.toStdString());
        const auto layers = layerSetFromJson(form, m_count > 0 ? m_count : 4096);
        if (!layers) {
            Q_EMIT problem(QString::fromStdString(layers.error().message + " " + layers.error().hint));
            return;
        }
        for (const int layer : layers.value())
            if (m_lockEnds && (layer == 0 || layer == m_count - 1)) {
                Q_EMIT problem(tr("Block %1 cannot be chosen: the first and last block always run. Choose 1 to %2.")
                                   .arg(layer)
                                   .arg(m_count - 2));
                return;
            }
        m_text->setModified(false);
        Q_EMIT problem({});
        m_strip->setChosen(layers.value());
        Q_EMIT edited(json(layers.value()), false);
    }

    bool m_lockEnds, m_allByDefault;
    int m_count = 0;
    nlohmann::json m_value = nlohmann::json::array();
    LayerStrip* m_strip;
    QLineEdit* m_text;
};

} // namespace

ParamEditor* layers(const ParamSchema& schema, const QString& name, QWidget* parent)
{
    return new LayersEditor(schema, name, parent);
}

} // namespace ls::editors
