#include "ui/desk/method_card.h"

#include "ui/desk/param_editor.h"
#include "ui/desk/switch_button.h"
#include "ui/shell/text.h"

#include <QComboBox>
#include <QGridLayout>
#include <QLabel>
#include <QMenu>
#include <QMouseEvent>
#include <QStyle>
#include <QToolButton>

namespace ls {

namespace {

QString autoMeans(Changes changes)
{
    switch (changes) {
    case Changes::Residual:
    case Changes::Cache:
        return MethodCard::tr("Auto: recompute prefix");
    case Changes::Read:
        return MethodCard::tr("Auto: keep");
    case Changes::Loop:
        return MethodCard::tr("Auto: keep, from the next cycle");
    case Changes::Nothing:
        break;
    }
    return MethodCard::tr("Auto: keep");
}

} // namespace

MethodCard::MethodCard(const DeskCard& card, const MethodSchema& schema, QWidget* parent)
    : QFrame(parent)
    , m_schema(schema)
    , m_card(card)
{
    const QString name = QStringLiteral("card.") + card.key;
    setObjectName(name);
    setAccessibleName(text::of(schema.title));
    setProperty("card", true);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(8, 6, 8, 6);
    column->setSpacing(4);
    column->addWidget(buildHead());
    m_reason = new QLabel;
    m_reason->setObjectName(name + QStringLiteral(".reason"));
    m_reason->setProperty("role", "error");
    m_reason->setWordWrap(true);
    m_reason->hide();
    column->addWidget(m_reason);
    column->addWidget(buildParams());
    m_costs = new CostLine(name + QStringLiteral(".cost"), name + QStringLiteral(".measure"));
    column->addWidget(m_costs);
    m_log = new QLabel;
    m_log->setObjectName(name + QStringLiteral(".log"));
    m_log->setProperty("role", "third");
    m_log->setWordWrap(true);
    m_log->hide();
    column->addWidget(m_log);
    setCard(card, 0);
}

QWidget* MethodCard::buildHead()
{
    const QString name = objectName();
    auto* head = new QWidget;
    auto* row = new QHBoxLayout(head);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(6);
    m_order = new QLabel;
    m_order->setObjectName(name + QStringLiteral(".order"));
    m_order->setAccessibleName(tr("Place in the order; Alt+Up and Alt+Down move the card"));
    m_order->setToolTip(tr("Drag to reorder, or Alt+Up and Alt+Down"));
    m_order->setCursor(Qt::SizeVerCursor);
    m_order->setProperty("role", "third");
    m_order->installEventFilter(this);
    m_switch = new SwitchButton;
    m_switch->setObjectName(name + QStringLiteral(".switch"));
    m_switch->setAccessibleName(tr("%1 on").arg(text::of(m_schema.title)));
    m_title = new QLabel(text::of(m_schema.title));
    m_title->setProperty("role", "title");
    m_title->setToolTip(text::of(m_schema.summary) + QLatin1Char('\n') + text::of(m_schema.paper));
    m_chip = new QLabel;
    m_chip->setProperty("chip", true);
    m_chip->setObjectName(name + QStringLiteral(".chip"));
    m_chip->hide();
    m_fold = new QToolButton;
    m_fold->setObjectName(name + QStringLiteral(".fold"));
    m_fold->setAccessibleName(tr("Fold or unfold %1").arg(text::of(m_schema.title)));
    auto* menu = new QToolButton;
    menu->setObjectName(name + QStringLiteral(".menu"));
    menu->setAccessibleName(tr("Menu of %1").arg(text::of(m_schema.title)));
    menu->setText(QStringLiteral("⋮"));
    menu->setPopupMode(QToolButton::InstantPopup);
    menu->setStyleSheet(QStringLiteral("QToolButton::menu-indicator { image: none; }"));
    auto* entries = new QMenu(menu);
    const std::pair<const char*, QString> commands[] = {
        {"up", tr("Move up")},          {"down", tr("Move down")},         {"solo", tr("Only this one on")},
        {"duplicate", tr("Duplicate")}, {"reset", tr("Reset parameters")}, {"copy", tr("Copy as JSON")},
        {"remove", tr("Remove")}};
    for (const auto& [id, title] : commands)
        connect(entries->addAction(title), &QAction::triggered, this, [this, command = QString::fromLatin1(id)] {
            if (command == QLatin1String("up") || command == QLatin1String("down"))
                Q_EMIT moveRequested(command == QLatin1String("up") ? -1 : 1);
            else
                Q_EMIT this->command(command);
        });
    menu->setMenu(entries);
    row->addWidget(m_order);
    row->addWidget(m_switch);
    row->addWidget(m_title, 1);
    row->addWidget(m_chip);
    row->addWidget(m_fold);
    row->addWidget(menu);
    connect(m_switch, &QAbstractButton::clicked, this, [this](bool on) {
        DeskCard card = m_card;
        card.enabled = on;
        showReason({});
        Q_EMIT cardEdited((on ? tr("Switch %1 on") : tr("Switch %1 off")).arg(text::of(m_schema.title)), card, false);
    });
    connect(m_fold, &QToolButton::clicked, this, [this] { Q_EMIT foldRequested(!m_card.folded); });
    return head;
}

QWidget* MethodCard::buildParams()
{
    const QString name = objectName();
    m_body = new QWidget;
    auto* grid = new QGridLayout(m_body);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(8);
    grid->setVerticalSpacing(4);
    grid->setColumnMinimumWidth(0, 68);
    grid->setColumnStretch(1, 1);
    int line = 0;
    for (const ParamSchema& param : m_schema.params) {
        const QString id = text::of(param.id);
        auto* label = new QLabel(text::of(param.title));
        label->setProperty("role", "second");
        label->setToolTip(text::of(param.help));
        ParamEditor* editor = makeParamEditor(param, name + QStringLiteral(".param.") + id);
        grid->addWidget(label, line, 0, Qt::AlignTop);
        grid->addWidget(editor, line++, 1);
        connect(editor, &ParamEditor::edited, this, [this, &param](const nlohmann::json& value, bool dragging) {
            DeskCard card = m_card;
            card.use.params[param.id] = value;
            if (card == m_card)
                return;
            showReason({});
            Q_EMIT cardEdited(tr("%1: %2").arg(text::of(m_schema.title), text::of(param.title)), card, dragging);
        });
        connect(editor, &ParamEditor::problem, this, [this](const QString& text) { showReason(text); });
        m_rows.push_back({&param, label, editor});
    }
    m_policyLabel = new QLabel(tr("On toggle"));
    m_policyLabel->setProperty("role", "second");
    m_policy = new QComboBox;
    m_policy->setObjectName(name + QStringLiteral(".policy"));
    m_policy->setAccessibleName(tr("What happens to the KV cache when this card changes"));
    m_policy->addItem(autoMeans(m_schema.changes), QStringLiteral("auto"));
    m_policy->addItem(tr("KV: keep (mixed history)"), QStringLiteral("keep"));
    m_policy->addItem(tr("KV: recompute prefix"), QStringLiteral("recompute"));
    m_policy->addItem(tr("Fork a lane"), QStringLiteral("fork"));
    m_policy->setFocusPolicy(Qt::StrongFocus);
    grid->addWidget(m_policyLabel, line, 0);
    grid->addWidget(m_policy, line, 1, Qt::AlignLeft);
    connect(m_policy, &QComboBox::activated, this, [this] {
        DeskCard card = m_card;
        card.policy = m_policy->currentData().toString();
        if (card != m_card)
            Q_EMIT cardEdited(tr("%1: on toggle").arg(text::of(m_schema.title)), card, false);
    });
    return m_body;
}

void MethodCard::setCard(const DeskCard& card, int index)
{
    const bool changed = card.use != m_card.use || card.enabled != m_card.enabled;
    m_card = card;
    m_order->setText(QStringLiteral("⠿ %1").arg(index + 1));
    m_switch->setChecked(card.enabled);
    m_fold->setText(card.folded ? QStringLiteral("▸") : QStringLiteral("▾"));
    m_policy->setCurrentIndex(std::max(0, m_policy->findData(card.policy)));
    for (const Row& row : m_rows)
        row.editor->setValue(card.use.params.contains(row.schema->id) ? card.use.params.at(row.schema->id)
                                                                      : row.schema->defaultValue);
    updateRows();
    if (changed)
        showReason({});
    setPending(m_pending && card.enabled);
}

void MethodCard::updateRows()
{
    for (const Row& row : m_rows) {
        bool shown = !m_card.folded || row.schema->pinned;
        // "mode=topk": shown only while that parameter has that value
        const std::string& when = row.schema->visibleWhen;
        if (const auto sign = when.find('='); sign != std::string::npos) {
            const std::string id = when.substr(0, sign);
            const ParamSchema* other = m_schema.param(id);
            const nlohmann::json value = m_card.use.params.contains(id) ? m_card.use.params.at(id)
                                         : other                        ? other->defaultValue
                                                                        : nlohmann::json();
            shown = shown && value == when.substr(sign + 1);
        }
        row.label->setVisible(shown);
        row.editor->setVisible(shown);
    }
    m_policy->setVisible(!m_card.folded);
    m_policyLabel->setVisible(!m_card.folded);
    m_costs->setVisible(!m_card.folded);
}

void MethodCard::setModel(const ModelInfo* model)
{
    for (const Row& row : m_rows)
        row.editor->setModel(model);
}

void MethodCard::setPending(bool pending)
{
    m_pending = pending;
    m_switch->setPending(pending);
    if (m_reason->isVisibleTo(this) && !m_card.enabled && m_state == QLatin1String("unavailable"))
        return;
    setState(pending ? QStringLiteral("pending") : m_card.enabled ? QStringLiteral("on") : QStringLiteral("off"));
}

void MethodCard::setReason(const Error& error)
{
    showReason(text::sentence(error), text::of(error.detail));
    m_switch->setPending(false);
    setState(error.code == Errc::MethodConflict ? QStringLiteral("conflict") : QStringLiteral("unavailable"));
}

void MethodCard::setLog(const QString& log)
{
    m_log->setText(log);
    m_log->setVisible(!log.isEmpty() && !m_card.folded);
}

void MethodCard::showReason(const QString& text, const QString& detail)
{
    m_reason->setText(text);
    m_reason->setToolTip(detail);
    m_reason->setVisible(!text.isEmpty());
    if (text.isEmpty())
        setState(m_card.enabled ? QStringLiteral("on") : QStringLiteral("off"));
}

void MethodCard::setState(const QString& state)
{
    if (state == m_state)
        return;
    m_state = state;
    const bool refused = state == QLatin1String("conflict") || state == QLatin1String("unavailable");
    m_chip->setText(state == QLatin1String("conflict") ? tr("conflict") : refused ? tr("refused") : tr("pending"));
    m_chip->setProperty("tone", refused ? "error" : "warning");
    m_chip->setVisible(refused || state == QLatin1String("pending"));
    for (QWidget* widget : {static_cast<QWidget*>(this), static_cast<QWidget*>(m_chip)}) {
        widget->style()->unpolish(widget);
        widget->style()->polish(widget);
    }
    Q_EMIT stateChanged();
}

bool MethodCard::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_order && event->type() == QEvent::MouseButtonRelease) {
        Q_EMIT dragged(static_cast<QMouseEvent*>(event)->globalPosition().toPoint().y());
        return true;
    }
    if (watched == m_order && event->type() == QEvent::MouseButtonPress)
        return true; // keeps the grab until the release
    return QFrame::eventFilter(watched, event);
}

} // namespace ls
