#include "ui/shell/prompt_row.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

#include <limits>

namespace ls {

namespace {

/// What the last message says; empty when it is none: a session file may hold anything.
std::string lastContent(const nlohmann::ordered_json& messages)
{
    const auto& last = messages.back();
    const auto content = last.is_object() ? last.find("content") : last.end();
    return content != last.end() && content->is_string() ? content->get<std::string>() : std::string();
}

} // namespace

PromptRow::PromptRow(QWidget* parent)
    : QFrame(parent)
{
    setProperty("panel", true);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(10, 6, 10, 6);
    column->setSpacing(4);
    m_rows = new QBoxLayout(QBoxLayout::LeftToRight);
    column->addLayout(m_rows);
    m_rows->setSpacing(6);
    auto* first = new QHBoxLayout;
    auto* second = new QHBoxLayout;
    second->setSpacing(6);
    m_rows->addLayout(first, 1);
    m_rows->addLayout(second);
    const auto name = [](QWidget* widget, const char* id, const QString& label) {
        widget->setObjectName(QLatin1String(id));
        widget->setAccessibleName(label);
        widget->setToolTip(label);
        widget->setFocusPolicy(Qt::StrongFocus);
    };
    auto* caption = new QLabel(tr("Prompt"));
    caption->setProperty("role", "second");
    first->addWidget(caption);
    first->addWidget(m_prompt = new QLineEdit(tr("Explain why the sky is blue.")), 1);
    name(m_prompt, "prompt.text", tr("Prompt"));
    m_prompt->setMaxLength(
        std::numeric_limits<int>::max()); // by itself it would cut a pasted text short, and say nothing
    second->addWidget(m_template = new QComboBox);
    name(m_template, "prompt.template", tr("How the prompt is given to the model"));
    m_template->addItems({tr("chat template"), tr("plain text")});
    second->addWidget(m_temperature = new QDoubleSpinBox);
    name(m_temperature, "prompt.sampler", tr("Temperature; 0 is greedy"));
    m_temperature->setRange(0, 2);
    m_temperature->setSingleStep(0.1);
    m_temperature->setPrefix(tr("T "));
    m_temperature->setSpecialValueText(tr("greedy"));
    second->addWidget(m_topP = new QDoubleSpinBox);
    name(m_topP, "prompt.topP", tr("Top-p: share of probability that is sampled from"));
    m_topP->setPrefix(tr("p "));
    m_topP->setRange(0.01, 1);
    m_topP->setSingleStep(0.05);
    m_topP->setValue(1);
    m_topP->setEnabled(false);
    second->addWidget(m_seed = new QSpinBox);
    name(m_seed, "prompt.seed", tr("Seed"));
    m_seed->setPrefix(tr("seed "));
    m_seed->setRange(0, 1000000000);
    m_seed->setMaximumWidth(120);
    second->addWidget(m_maximum = new QSpinBox);
    name(m_maximum, "prompt.max", tr("Most tokens to generate"));
    m_maximum->setPrefix(tr("max "));
    m_maximum->setRange(1, 100000);
    m_maximum->setValue(128);
    m_maximum->setMaximumWidth(110);
    second->addStretch(0);
    m_whyNot = new QWidget;
    auto* why = new QHBoxLayout(m_whyNot);
    why->setContentsMargins(0, 0, 0, 0);
    why->addWidget(m_reason = new QLabel, 1);
    m_reason->setObjectName(QStringLiteral("prompt.reason"));
    m_reason->setAccessibleName(tr("Why nothing can be generated"));
    m_reason->setProperty("role", "second");
    m_reason->setWordWrap(true);
    why->addWidget(m_help = new QPushButton);
    m_help->setObjectName(QStringLiteral("prompt.openModel"));
    m_whyNot->hide();
    column->addWidget(m_whyNot);
    connect(m_help, &QPushButton::clicked, this, &PromptRow::helpRequested);
    setMinimumWidth(420); // side by side it would keep the window from getting narrow enough to stack
    connect(m_temperature, &QDoubleSpinBox::valueChanged, this,
            [this](double value) { m_topP->setEnabled(value > 0); });
    connect(m_prompt, &QLineEdit::returnPressed, this, &PromptRow::submitted);
}

RunSpec PromptRow::spec(const ModelInfo& model) const
{
    RunSpec spec;
    const std::string prompt = m_prompt->text().toStdString();
    if (m_template->currentIndex() == 0 && model.hasChatTemplate)
        spec.prompt.messages = nlohmann::ordered_json::array({{{"role", "user"}, {"content", prompt}}});
    else
        spec.prompt.text = prompt;
    spec.sampler = {m_temperature->value(), m_topP->value(), std::uint64_t(m_seed->value())};
    spec.maxTokens = m_maximum->value();
    return spec;
}

void PromptRow::setReason(const QString& reason, const QString& button)
{
    m_reason->setText(reason);
    m_help->setText(button);
    m_help->setAccessibleName(button);
    m_help->setVisible(!button.isEmpty());
    m_whyNot->setVisible(!reason.isEmpty());
}

bool PromptRow::isEmpty() const
{
    return m_prompt->text().isEmpty();
}

void PromptRow::show(const RunSpec& spec)
{
    const bool chat = !spec.prompt.messages.empty();
    m_template->setCurrentIndex(chat ? 0 : 1);
    m_prompt->setText(QString::fromStdString(chat ? lastContent(spec.prompt.messages) : spec.prompt.text));
    m_prompt->setCursorPosition(0);
    m_temperature->setValue(spec.sampler.temperature);
    m_topP->setValue(spec.sampler.topP);
    m_seed->setValue(int(spec.sampler.seed));
    m_maximum->setValue(spec.maxTokens);
}

void PromptRow::resizeEvent(QResizeEvent* event)
{
    QFrame::resizeEvent(event);
    const auto direction = width() < 820 ? QBoxLayout::TopToBottom : QBoxLayout::LeftToRight;
    if (m_rows->direction() != direction)
        m_rows->setDirection(direction);
}

} // namespace ls
