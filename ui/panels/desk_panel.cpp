#include "ui/panels/desk_panel.h"

#include "core/json_value.h"
#include "ui/client/engine_client.h"
#include "ui/desk/card_values.h"
#include "ui/desk/method_card.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace ls {

DeskPanel::DeskPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("methods"), tr("Methods desk"), workbench, parent)
{
    setHelp(
        tr("Methods act on lane B; lane A stays the baseline. They act in a fixed order: skipped branches, weights, "
           "attention choice, then additions from top to bottom. Every change can be undone."));
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(8, 8, 8, 8);
    column->setSpacing(8);
    auto* top = new QHBoxLayout;
    m_summary = new QLabel;
    m_summary->setProperty("role", "second");
    auto* add = new QToolButton;
    add->setObjectName(QStringLiteral("desk.add"));
    add->setAccessibleName(tr("Add a method"));
    add->setText(tr("+ Add method"));
    add->setProperty("framed", true);
    add->setPopupMode(QToolButton::InstantPopup);
    auto* menu = new QMenu(add);
    menu->setToolTipsVisible(true);
    std::string group;
    std::vector<const MethodSchema*> sorted;
    for (const MethodSchema& schema : methodSchemas())
        sorted.push_back(&schema);
    std::stable_sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->group < b->group; });
    for (const MethodSchema* schema : sorted) {
        if (schema->group != group)
            menu->addSection(text::of(group = schema->group));
        QAction* action = menu->addAction(text::of(schema->title));
        action->setObjectName(QStringLiteral("desk.add.") + text::of(schema->id));
        action->setToolTip(text::of(schema->summary) + QLatin1Char('\n') + text::of(schema->paper));
        connect(action, &QAction::triggered, this, [this, id = schema->id] { addMethod(id); });
    }
    add->setMenu(menu);
    top->addWidget(m_summary, 1);
    top->addWidget(add);
    column->addLayout(top);
    auto* scroll = m_scroll = new QScrollArea;
    scroll->setWidgetResizable(true);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setFrameShape(QFrame::NoFrame);
    auto* list = new QWidget;
    list->setObjectName(QStringLiteral("desk.list"));
    list->setAccessibleName(tr("Method cards"));
    m_list = new QVBoxLayout(list);
    m_list->setContentsMargins(0, 0, 6, 0);
    m_list->setSpacing(8);
    m_list->addStretch(1);
    scroll->setWidget(list);
    scroll->viewport()->setAutoFillBackground(false); // the panel's own shows through
    list->setAutoFillBackground(false);
    column->addWidget(scroll, 1);
    auto* stackTitle = new QLabel(tr("Whole stack, B against A"));
    stackTitle->setProperty("role", "title");
    column->addWidget(stackTitle);
    m_stack = new CostLine(QStringLiteral("desk.stack"), {});
    column->addWidget(m_stack);
    setContent(body);
    setState(State::Captured);

    connect(workbench, &Workbench::deskChanged, this, &DeskPanel::refresh);
    connect(workbench, &Workbench::modelChanged, this, [this] {
        const auto& model = this->workbench()->model();
        for (MethodCard* card : m_cards)
            card->setModel(model ? &*model : nullptr);
    });
    connect(workbench, &Workbench::deskPending, this, [this](bool pending) {
        for (MethodCard* card : m_cards)
            card->setPending(pending && this->workbench()->desk()[std::size_t(indexOf(card))].enabled);
        refreshValues();
    });
    connect(workbench, &Workbench::cardRefused, this, [this](int card, const Error& error) {
        if (card < int(m_cards.size()))
            m_cards[std::size_t(card)]->setReason(error);
    });
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refreshValues(); }); };
    connect(workbench, &Workbench::runAppended, this, later);
    connect(workbench, &Workbench::toggled, this, later);
    connect(workbench, &Workbench::runChanged, this, later);
    connect(workbench, &Workbench::experimentChanged, this, later);
    connect(workbench, &Workbench::generationStateChanged, this, later);
    connect(workbench, &Workbench::memoryChanged, this, later);
    refresh();
}

int DeskPanel::indexOf(const MethodCard* card) const
{
    return int(std::find(m_cards.begin(), m_cards.end(), card) - m_cards.begin());
}

void DeskPanel::refresh()
{
    const Desk& desk = workbench()->desk();
    const bool same = desk.size() == m_cards.size() && std::equal(desk.begin(), desk.end(), m_cards.begin(),
                                                                  [](const DeskCard& card, const MethodCard* shown) {
                                                                      return card.key == shown->key();
                                                                  });
    if (!same)
        rebuild();
    int on = 0;
    for (std::size_t i = 0; i < m_cards.size(); ++i) {
        m_cards[i]->setCard(desk[i], int(i));
        on += desk[i].enabled;
    }
    // Cards are never cut off at their right edge, also with the scroll bar that a second one brings.
    m_list->activate();
    m_scroll->setMinimumWidth(m_list->parentWidget()->minimumSizeHint().width() +
                              m_scroll->verticalScrollBar()->sizeHint().width());
    m_summary->setText(desk.empty() ? tr("Lane B runs like A. Add a method.")
                                    : tr("%1 of %2 on").arg(on).arg(desk.size()));
    refreshValues();
}

void DeskPanel::rebuild()
{
    // Cards that stay keep their widget: a control must not vanish under the mouse that moves it.
    std::vector<MethodCard*> old;
    old.swap(m_cards);
    for (MethodCard* card : old)
        m_list->removeWidget(card);
    const auto& model = workbench()->model();
    for (const DeskCard& wanted : workbench()->desk()) {
        const auto found =
            std::find_if(old.begin(), old.end(), [&](MethodCard* c) { return c && c->key() == wanted.key; });
        MethodCard* card = nullptr;
        if (found != old.end()) {
            card = *found;
            *found = nullptr;
        } else if (const MethodSchema* schema = findMethodSchema(wanted.use.method)) {
            card = new MethodCard(wanted, *schema);
            card->setModel(model ? &*model : nullptr);
            connect(card, &MethodCard::cardEdited, this,
                    [this, card](const QString& what, const DeskCard& edited, bool dragging) {
                        change(indexOf(card), what, edited, dragging);
                    });
            connect(card, &MethodCard::foldRequested, this,
                    [this, card](bool folded) { this->workbench()->setCardFolded(indexOf(card), folded); });
            connect(card, &MethodCard::moveRequested, this,
                    [this, card](int by) { move(indexOf(card), indexOf(card) + by); });
            connect(card, &MethodCard::command, this,
                    [this, card](const QString& name) { command(indexOf(card), name); });
            connect(card, &MethodCard::dragged, this, [this, card](int globalY) {
                int to = 0;
                for (const MethodCard* other : m_cards)
                    if (other != card && other->mapToGlobal(QPoint(0, other->height() / 2)).y() < globalY)
                        ++to;
                move(indexOf(card), to);
            });
            connect(card->costs(), &CostLine::measureRequested, this, [this, card] { measure(indexOf(card)); });
        }
        if (!card)
            continue; // a session of a newer version; its method id is kept in the desk, not shown
        m_list->insertWidget(int(m_cards.size()), card);
        m_cards.push_back(card);
        card->show();
    }
    for (MethodCard* card : old)
        if (card) {
            card->hide();
            card->setObjectName(QString()); // its name may be taken again before it is gone
            for (QWidget* part : card->findChildren<QWidget*>())
                part->setObjectName(QString());
            card->deleteLater();
        }
}

void DeskPanel::refreshValues()
{
    for (std::size_t i = 0; i < m_cards.size(); ++i) {
        m_cards[i]->setLog(cards::log(workbench()->run(), workbench()->desk(), int(i)));
        m_cards[i]->costs()->setCosts(cards::measured(*workbench(), int(i)));
        const ExperimentData* running = cards::measuring(*workbench(), int(i));
        m_cards[i]->costs()->setMeasuring(running != nullptr,
                                          running ? tr("%1 of %2").arg(running->done).arg(running->total) : QString());
    }
    m_stack->setCosts(cards::wholeStack(*workbench()));
}

void DeskPanel::change(int card, const QString& what, const DeskCard& changed, bool dragging)
{
    Desk desk = workbench()->desk();
    if (card < 0 || card >= int(desk.size()))
        return;
    const bool parameters = desk[std::size_t(card)].use.params != changed.use.params;
    desk[std::size_t(card)] = changed;
    // The last step of a drag merges with those before it; a change typed at once stands alone.
    workbench()->changeDesk(what, std::move(desk), dragging || parameters);
}

void DeskPanel::addMethod(const std::string& id)
{
    const MethodSchema* schema = findMethodSchema(id);
    if (!schema)
        return;
    Desk desk = workbench()->desk();
    DeskCard card;
    card.key = freeKey(desk, id);
    card.use.method = id;
    for (const ParamSchema& param : schema->params)
        card.use.params[param.id] = param.deskDefault.is_null() ? param.defaultValue : param.deskDefault;
    desk.push_back(card);
    workbench()->changeDesk(tr("Add %1").arg(text::of(schema->title)), std::move(desk));
}

void DeskPanel::toggleCard(int card)
{
    Desk desk = workbench()->desk();
    if (card < 0 || card >= int(desk.size()))
        return;
    desk[std::size_t(card)].enabled = !desk[std::size_t(card)].enabled;
    workbench()->changeDesk(tr("Switch card %1").arg(card + 1), std::move(desk));
}

void DeskPanel::switchAll(bool on)
{
    Desk desk = workbench()->desk();
    if (!on)
        m_wereOn.clear();
    for (DeskCard& card : desk) {
        if (!on && card.enabled)
            m_wereOn.push_back(card.key);
        card.enabled = on && std::find(m_wereOn.begin(), m_wereOn.end(), card.key) != m_wereOn.end();
    }
    workbench()->changeDesk(on ? tr("Methods back on") : tr("All methods off"), std::move(desk));
}

void DeskPanel::command(int index, const QString& command)
{
    Desk desk = workbench()->desk();
    if (index < 0 || index >= int(desk.size()))
        return;
    const auto place = desk.begin() + index;
    const MethodSchema* schema = findMethodSchema(place->use.method);
    const QString title = schema ? text::of(schema->title) : place->key;
    if (command == QLatin1String("copy")) {
        QApplication::clipboard()->setText(text::of(dumped(toJson(MethodSet{place->use}), 2)));
    } else if (command == QLatin1String("remove")) {
        desk.erase(place);
        workbench()->changeDesk(tr("Remove %1").arg(title), std::move(desk));
    } else if (command == QLatin1String("solo")) {
        for (DeskCard& card : desk)
            card.enabled = card.key == m_cards[std::size_t(index)]->key();
        workbench()->changeDesk(tr("Only %1").arg(title), std::move(desk));
    } else if (command == QLatin1String("reset") && schema) {
        for (const ParamSchema& param : schema->params)
            place->use.params[param.id] = param.deskDefault.is_null() ? param.defaultValue : param.deskDefault;
        workbench()->changeDesk(tr("Reset %1").arg(title), std::move(desk));
    } else if (command == QLatin1String("duplicate")) {
        DeskCard copy = *place;
        copy.enabled = false;
        for (int n = 2; std::any_of(desk.begin(), desk.end(), [&](const DeskCard& c) { return c.key == copy.key; });
             ++n)
            copy.key = QStringLiteral("%1#%2").arg(text::of(copy.use.method)).arg(n);
        desk.insert(place + 1, copy);
        workbench()->changeDesk(tr("Duplicate %1").arg(title), std::move(desk));
    }
}

void DeskPanel::move(int card, int to)
{
    Desk desk = workbench()->desk();
    if (card < 0 || card >= int(desk.size()) || to < 0 || to >= int(desk.size()) || to == card)
        return;
    const DeskCard moved = desk[std::size_t(card)];
    desk.erase(desk.begin() + card);
    desk.insert(desk.begin() + to, moved);
    workbench()->changeDesk(tr("Move card"), std::move(desk));
}

void DeskPanel::measure(int card)
{
    if (ExperimentData* running = cards::measuring(*workbench(), card)) {
        workbench()->cancelExperiment(running);
        return;
    }
    const RunData* run = workbench()->run();
    const LaneData* baseline = run ? run->lane("A") : nullptr;
    if (!baseline || baseline->text().empty()) {
        Q_EMIT workbench()->problem({Errc::DataTooFew,
                                     tr("There is no text to measure the KL on.").toStdString(),
                                     tr("Generate once; lane A's reply is the text.").toStdString(),
                                     {}});
        return;
    }
    workbench()->runExperiment(QStringLiteral("measure_cost"),
                               cards::measureParams(*workbench(), card, baseline->text(), nlohmann::json::array()));
}

QString DeskPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("card\tmethod\ton\tpolicy\tparams\n");
    for (const DeskCard& card : workbench()->desk())
        tsv += QStringLiteral("%1\t%2\t%3\t%4\t%5\n")
                   .arg(card.key, text::of(card.use.method), card.enabled ? QStringLiteral("1") : QStringLiteral("0"),
                        card.policy, text::of(dumped(card.use.params)));
    return tsv;
}

} // namespace ls
