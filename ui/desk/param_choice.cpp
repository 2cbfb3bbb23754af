#include "ui/desk/param_editor.h"

#include "ui/desk/switch_button.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QHBoxLayout>
#include <QPushButton>

namespace ls::editors {

namespace {

QString shown(const std::string& id)
{
    return QString::fromStdString(id).replace(QLatin1Char('_'), QLatin1Char(' '));
}

class SwitchEditor final : public ParamEditor {
public:
    SwitchEditor(const ParamSchema& schema, const QString& name, QWidget* parent)
        : ParamEditor(parent)
        , m_switch(new SwitchButton)
    {
        m_switch->setObjectName(name);
        m_switch->setAccessibleName(QString::fromStdString(schema.title));
        auto* row = new QHBoxLayout(this);
        row->setContentsMargins(0, 0, 0, 0);
        row->addWidget(m_switch);
        row->addStretch(1);
        connect(m_switch, &QAbstractButton::clicked, this, [this](bool on) { Q_EMIT edited(on, false); });
    }
    void setValue(const nlohmann::json& value) override
    {
        m_switch->setChecked(value.is_boolean() && value.get<bool>());
    }

private:
    SwitchButton* m_switch;
};

/// At most three values: buttons side by side.
class SegmentEditor final : public ParamEditor {
public:
    SegmentEditor(const ParamSchema& schema, const QString& name, QWidget* parent)
        : ParamEditor(parent)
        , m_group(new QButtonGroup(this))
    {
        setObjectName(name);
        setAccessibleName(QString::fromStdString(schema.title));
        auto* row = new QHBoxLayout(this);
        row->setContentsMargins(0, 0, 0, 0);
        row->setSpacing(0);
        for (const EnumValue& value : schema.values) {
            auto* button = new QPushButton(shown(value.id));
            button->setObjectName(name + QLatin1Char('.') + QString::fromStdString(value.id));
            button->setAccessibleName(tr("%1: %2").arg(QString::fromStdString(schema.title), shown(value.id)));
            button->setToolTip(QString::fromStdString(value.help));
            button->setCheckable(true);
            button->setProperty("segment", true);
            m_group->addButton(button, int(m_ids.size()));
            m_ids.push_back(value.id);
            row->addWidget(button);
        }
        row->addStretch(1);
        connect(m_group, &QButtonGroup::idClicked, this,
                [this](int id) { Q_EMIT edited(m_ids[std::size_t(id)], false); });
    }
    void setValue(const nlohmann::json& value) override
    {
        for (std::size_t i = 0; i < m_ids.size(); ++i)
            if (value == m_ids[i])
                m_group->button(int(i))->setChecked(true);
    }

private:
    QButtonGroup* m_group;
    std::vector<std::string> m_ids;
};

class ComboEditor final : public ParamEditor {
public:
    ComboEditor(const ParamSchema& schema, const QString& name, QWidget* parent)
        : ParamEditor(parent)
        , m_combo(new QComboBox)
    {
        m_combo->setObjectName(name);
        m_combo->setAccessibleName(QString::fromStdString(schema.title));
        m_combo->setFocusPolicy(Qt::StrongFocus);
        for (const EnumValue& value : schema.values) {
            m_combo->addItem(shown(value.id), QString::fromStdString(value.id));
            m_combo->setItemData(m_combo->count() - 1, QString::fromStdString(value.help), Qt::ToolTipRole);
        }
        auto* row = new QHBoxLayout(this);
        row->setContentsMargins(0, 0, 0, 0);
        row->addWidget(m_combo);
        row->addStretch(1);
        connect(m_combo, &QComboBox::activated, this,
                [this] { Q_EMIT edited(m_combo->currentData().toString().toStdString(), false); });
    }
    void setValue(const nlohmann::json& value) override
    {
        if (value.is_string())
            m_combo->setCurrentIndex(m_combo->findData(QString::fromStdString(value.get<std::string>())));
    }

private:
    QComboBox* m_combo;
};

} // namespace

ParamEditor* choice(const ParamSchema& schema, const QString& name, QWidget* parent)
{
    if (schema.type == ParamType::Bool)
        return new SwitchEditor(schema, name, parent);
    if (schema.values.size() <= 3)
        return new SegmentEditor(schema, name, parent);
    return new ComboEditor(schema, name, parent);
}

} // namespace ls::editors
