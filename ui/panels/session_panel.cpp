#include "ui/panels/session_panel.h"

#include "ui/models/metric_cache.h"
#include "ui/models/run_summary.h"
#include "ui/models/session_model.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QScrollArea>
#include <QSortFilterProxyModel>
#include <QSplitter>
#include <QTreeView>
#include <QVBoxLayout>

namespace ls {

namespace {

QString htmlTable(const std::vector<SummaryLine>& lines)
{
    QString out = QStringLiteral("<table width=\"100%\" cellspacing=\"0\" cellpadding=\"2\">");
    for (const SummaryLine& line : lines) {
        const auto role = line.tone == SummaryLine::Tone::Better  ? theme::Role::Good
                          : line.tone == SummaryLine::Tone::Worse ? theme::Role::Error
                          : line.tone == SummaryLine::Tone::Same  ? theme::Role::TextSecond
                          : line.tone == SummaryLine::Tone::Quiet ? theme::Role::TextThird
                                                                  : theme::Role::Text;
        out += QStringLiteral("<tr><td style=\"color:%1\">%2</td><td align=\"right\" style=\"color:%3\">%4</td></tr>")
                   .arg(theme::color(theme::Role::TextSecond).name(), line.name.toHtmlEscaped(),
                        theme::color(role).name(), line.value.toHtmlEscaped());
    }
    return out + QStringLiteral("</table>");
}

} // namespace

SessionPanel::SessionPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("session"), tr("Session browser"), workbench, parent)
    , m_model(new SessionModel(this))
    , m_filtered(new QSortFilterProxyModel(this))
    , m_filter(new QLineEdit)
    , m_tree(new QTreeView)
    , m_diff(new QLabel)
    , m_verdict(new QLabel)
{
    setHelp(tr("Everything in this session file. Double click or Enter on a run shows it in every view. The verdict "
               "compares B with A and says something only where a 95 % interval leaves out \"no difference\"."));
    m_filter->setObjectName(QStringLiteral("session.filter"));
    m_filter->setAccessibleName(tr("Filter runs and experiments"));
    m_filter->setPlaceholderText(tr("Filter: model, method, prompt, date"));
    m_filter->setClearButtonEnabled(true);
    m_filtered->setSourceModel(m_model);
    m_filtered->setRecursiveFilteringEnabled(true);
    m_filtered->setFilterCaseSensitivity(Qt::CaseInsensitive);
    m_filtered->setFilterRole(SessionModel::SearchRole);
    m_tree->setObjectName(QStringLiteral("session.tree"));
    m_tree->setAccessibleName(tr("Runs and experiments"));
    m_tree->setModel(m_filtered);
    m_tree->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_tree->setUniformRowHeights(true);
    m_tree->setIndentation(12);
    m_tree->header()->setStretchLastSection(false);
    m_tree->header()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_tree->header()->setSectionResizeMode(SessionModel::NameColumn, QHeaderView::Stretch);
    m_tree->setMinimumHeight(90);
    m_tree->expandAll();
    const auto section = [](const QString& title, QLabel* content, const char* name) {
        auto* box = new QWidget;
        auto* column = new QVBoxLayout(box);
        column->setContentsMargins(8, 6, 8, 2);
        column->setSpacing(2);
        auto* head = new QLabel(title);
        head->setProperty("role", "title");
        content->setObjectName(QLatin1String(name));
        content->setAccessibleName(title);
        content->setTextFormat(Qt::RichText);
        content->setWordWrap(true);
        content->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
        column->addWidget(head);
        column->addWidget(content);
        return box;
    };
    auto* facts = new QWidget;
    auto* factColumn = new QVBoxLayout(facts);
    factColumn->setContentsMargins(0, 0, 0, 6);
    factColumn->setSpacing(4);
    factColumn->addWidget(section(tr("What differs between A and B"), m_diff, "session.diff"));
    factColumn->addWidget(section(tr("Verdict"), m_verdict, "session.verdict"));
    factColumn->addStretch(1);
    auto* scroll = new QScrollArea;
    scroll->setWidget(facts);
    scroll->setWidgetResizable(true);
    scroll->viewport()->setAutoFillBackground(false);
    facts->setAutoFillBackground(false);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto* upper = new QWidget;
    auto* column = new QVBoxLayout(upper);
    column->setContentsMargins(8, 8, 8, 0);
    column->addWidget(m_filter);
    column->addWidget(m_tree, 1);
    auto* splitter = new QSplitter(Qt::Vertical);
    splitter->addWidget(upper);
    splitter->addWidget(scroll);
    splitter->setStretchFactor(0, 1);
    splitter->setSizes({300, 300});
    splitter->setChildrenCollapsible(false);
    setContent(splitter);
    refresh();

    connect(m_filter, &QLineEdit::textChanged, this, [this](const QString& wanted) {
        m_filtered->setFilterFixedString(wanted);
        m_tree->expandAll();
    });
    connect(m_tree, &QTreeView::activated, this, &SessionPanel::open); // Enter, or double click
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(workbench, &Workbench::experimentChanged, this, later);
    connect(this, &Panel::themeChanged, this, later); // the tables name their colours
    connect(&MetricCache::instance(), &MetricCache::changed, this, later);
    for (const auto signal : {&Workbench::runChanged, &Workbench::generationStateChanged, &Workbench::sessionChanged})
        connect(workbench, signal, this, later);
    connect(workbench, &Workbench::toggled, this, later);
    connect(workbench, &Workbench::sessionChanged, this, [this] { m_model->refresh(nullptr, nullptr); });
}

void SessionPanel::open(const QModelIndex& index)
{
    if (RunData* run = m_model->runAt(m_filtered->mapToSource(index.siblingAtColumn(0))))
        workbench()->showRun(run);
}

void SessionPanel::refresh()
{
    Session* session = workbench()->session();
    const RunData* run = workbench()->run();
    if (!session || (session->runs().empty() && session->experiments().empty())) {
        m_model->refresh(nullptr, nullptr);
        setState(State::Empty, tr("Runs and experiments appear here by themselves."));
        return;
    }
    const bool first = m_model->rowCount(m_model->index(0, 0)) == 0;
    m_model->refresh(session, run);
    if (first)
        m_tree->expandAll();
    m_diff->setText(run ? htmlTable(whatDiffers(*run)) : tr("No run is in view."));
    m_verdict->setText(run ? htmlTable(verdicts(*session, *run)) : QString());
    setState(run && run->running ? State::Live : State::Captured);
}

QString SessionPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("kind\tname\trate or state\ttime\n");
    for (int group = 0; group < m_model->rowCount(); ++group) {
        const QModelIndex parent = m_model->index(group, 0);
        for (int row = 0; row < m_model->rowCount(parent); ++row) {
            tsv += group == 0 ? QStringLiteral("run") : QStringLiteral("experiment");
            for (int column = 0; column < SessionModel::ColumnCount; ++column)
                tsv += QLatin1Char('\t') + m_model->index(row, column, parent).data().toString();
            tsv += QLatin1Char('\n');
        }
    }
    const RunData* run = workbench()->run();
    if (run && workbench()->session()) {
        for (const SummaryLine& line : whatDiffers(*run))
            tsv += QStringLiteral("differs\t%1\t%2\t\n").arg(line.name, line.value);
        for (const SummaryLine& line : verdicts(*workbench()->session(), *run))
            tsv += QStringLiteral("verdict\t%1\t%2\t\n").arg(line.name, line.value);
    }
    return tsv;
}

} // namespace ls
