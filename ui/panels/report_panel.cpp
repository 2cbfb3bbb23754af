#include "ui/panels/report_panel.h"

#include "ui/panels/report_worker.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDesktopServices>
#include <QDir>
#include <QEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPainter>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QSplitter>
#include <QStandardPaths>
#include <QStyle>
#include <QUrl>
#include <QVBoxLayout>

#include <cmath>

namespace ls {

namespace {

constexpr int kIdRole = Qt::UserRole;
constexpr const char* kProperty = "report"; // of the session: what was left out

QLabel* heading(const QString& title)
{
    auto* label = new QLabel(title);
    label->setProperty("role", "title");
    return label;
}

} // namespace

template <typename Work, typename Done>
void ReportPanel::onWorker(Work work, Done done)
{
    QMetaObject::invokeMethod(m_worker, [this, work = std::move(work), done = std::move(done)]() mutable {
        auto result = work(*m_worker);
        QMetaObject::invokeMethod(
            this, [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
    });
}

ReportPanel::ReportPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("report"), tr("Report builder"), workbench, parent)
    , m_worker(new ReportWorker)
{
    setHelp(tr("A report of the run in view and of everything measured in this session. The pages are painted by the "
               "same code as the PDF. HTML is one file without scripts; CSV is a folder with one file a table, with "
               "every digit. Sections that are grey have nothing to say yet."));
    hideTableButtons();
    auto* splitter = new QSplitter;
    splitter->addWidget(buildSections());
    splitter->addWidget(buildPreview());
    splitter->addWidget(buildExport());
    splitter->setStretchFactor(1, 1);
    splitter->setSizes({270, 700, 290});
    splitter->setChildrenCollapsible(false);
    setContent(splitter);
    setState(State::Empty, tr("Generate once, or open a session: then there is something to report."));
    m_worker->moveToThread(&m_thread);
    m_thread.setObjectName(QStringLiteral("report"));
    m_thread.start(QThread::LowPriority);

    connect(this, &Panel::actionRequested, this, &ReportPanel::rebuild);
    connect(this, &Panel::themeChanged, this, [this] {
        for (int i = 0; i < m_sections->count(); ++i)
            if (QListWidgetItem* item = m_sections->item(i); item->flags() == Qt::NoItemFlags)
                item->setForeground(theme::color(theme::Role::TextThird));
    });
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(workbench, &Workbench::experimentChanged, this, [later](ExperimentData* experiment) {
        if (experiment->state != "running")
            later();
    });
    for (const auto signal : {&Workbench::runChanged, &Workbench::generationStateChanged, &Workbench::sessionChanged})
        connect(workbench, signal, this, later);
    connect(workbench, &Workbench::toggled, this, later);
    connect(workbench, &Workbench::sessionChanged, this, &ReportPanel::suggestTarget);
    suggestTarget();
    later();
}

ReportPanel::~ReportPanel()
{
    m_thread.quit();
    m_thread.wait();
    delete m_worker;
}

QWidget* ReportPanel::buildSections()
{
    auto* page = new QWidget;
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(10, 8, 6, 8);
    column->addWidget(heading(tr("Sections")));
    m_sections = new QListWidget;
    m_sections->setObjectName(QStringLiteral("report.sections"));
    m_sections->setAccessibleName(tr("Sections of the report"));
    m_sections->setWordWrap(true);
    m_sections->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_sections->setSpacing(2);
    column->addWidget(m_sections, 1);
    connect(m_sections, &QListWidget::itemChanged, this, [this] {
        if (!m_filling)
            sectionToggled();
    });
    return page;
}

QWidget* ReportPanel::buildPreview()
{
    auto* page = new QWidget;
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(6, 8, 6, 8);
    auto* top = new QHBoxLayout;
    top->addWidget(heading(tr("Preview")));
    m_count = new QLabel;
    m_count->setObjectName(QStringLiteral("report.pages"));
    m_count->setAccessibleName(tr("Page"));
    m_count->setProperty("role", "second");
    top->addWidget(m_count);
    top->addStretch(1);
    m_zoom = new QComboBox;
    m_zoom->setObjectName(QStringLiteral("report.zoom"));
    m_zoom->setAccessibleName(tr("Size of the page"));
    m_zoom->addItem(tr("fit width"), 0);
    m_zoom->addItem(tr("fit page"), -1);
    m_zoom->addItem(tr("150 %"), 150);
    top->addWidget(m_zoom);
    column->addLayout(top);
    auto* row = new QHBoxLayout;
    m_thumbnails = new QListWidget;
    m_thumbnails->setObjectName(QStringLiteral("report.thumbnails"));
    m_thumbnails->setAccessibleName(tr("Pages"));
    m_thumbnails->setViewMode(QListView::IconMode);
    m_thumbnails->setFlow(QListView::TopToBottom);
    m_thumbnails->setWrapping(false);
    m_thumbnails->setMovement(QListView::Static);
    m_thumbnails->setIconSize({92, 131});
    m_thumbnails->setSpacing(6);
    m_thumbnails->setFixedWidth(132);
    m_thumbnails->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_page = new QLabel;
    m_page->setObjectName(QStringLiteral("report.page"));
    m_page->setAccessibleName(tr("Page of the report"));
    m_page->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
    m_page->setBackgroundRole(QPalette::Window);
    m_page->setAutoFillBackground(true);
    m_scroll = new QScrollArea;
    m_scroll->setObjectName(QStringLiteral("report.preview"));
    m_scroll->setAccessibleName(tr("Preview"));
    m_scroll->setWidgetResizable(true);
    m_scroll->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
    m_scroll->setWidget(m_page);
    m_scroll->viewport()->installEventFilter(this);
    row->addWidget(m_thumbnails);
    row->addWidget(m_scroll, 1);
    column->addLayout(row, 1);
    connect(m_thumbnails, &QListWidget::currentRowChanged, this, [this](int index) {
        if (index < 0 || m_filling)
            return;
        m_pageWanted = index;
        m_scroll->verticalScrollBar()->setValue(0);
        requestPage();
    });
    connect(m_zoom, &QComboBox::currentIndexChanged, this, &ReportPanel::requestPage);
    return page;
}

QWidget* ReportPanel::buildExport()
{
    auto* page = new QWidget;
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(6, 8, 10, 8);
    column->setSpacing(6);
    column->addWidget(heading(tr("Export")));
    const std::pair<const char*, QString> formats[] = {{"html", tr("HTML, one self-contained file")},
                                                       {"pdf", tr("PDF, A4, vector figures")},
                                                       {"csv", tr("CSV, a folder with every table")},
                                                       {"md", tr("Markdown")},
                                                       {"json", tr("JSON, every number")}};
    for (const auto& [id, title] : formats) {
        auto* box = new QCheckBox(title);
        box->setObjectName(QStringLiteral("report.format.") + QLatin1String(id));
        box->setAccessibleName(title);
        box->setProperty("format", QString::fromLatin1(id));
        box->setChecked(id != std::string_view("md") && id != std::string_view("json"));
        connect(box, &QCheckBox::toggled, this, [this] { m_export->setEnabled(!this->formats().isEmpty()); });
        m_formats.push_back(box);
        column->addWidget(box);
    }
    auto* form = new QFormLayout;
    form->setFieldGrowthPolicy(QFormLayout::ExpandingFieldsGrow);
    m_name = new QLineEdit;
    m_name->setObjectName(QStringLiteral("report.name"));
    m_name->setAccessibleName(tr("Name"));
    form->addRow(tr("Name"), m_name);
    m_folder = new QLineEdit;
    m_folder->setObjectName(QStringLiteral("report.folder"));
    m_folder->setAccessibleName(tr("Folder"));
    form->addRow(tr("Folder"), m_folder);
    column->addLayout(form);
    auto* buttons = new QHBoxLayout;
    auto* browse = new QPushButton(tr("Browse…"));
    browse->setObjectName(QStringLiteral("report.browse"));
    browse->setAccessibleName(tr("Choose a folder"));
    m_export = new QPushButton(tr("Export"));
    m_export->setObjectName(QStringLiteral("report.export"));
    m_export->setAccessibleName(tr("Export the report"));
    m_export->setProperty("primary", true);
    buttons->addWidget(browse);
    buttons->addStretch(1);
    buttons->addWidget(m_export);
    column->addLayout(buttons);
    m_result = new QLabel;
    m_result->setObjectName(QStringLiteral("report.result"));
    m_result->setAccessibleName(tr("Result of the export"));
    m_result->setWordWrap(true);
    m_result->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    column->addWidget(m_result);
    m_openFolder = new QPushButton(tr("Open folder"));
    m_openFolder->setObjectName(QStringLiteral("report.openFolder"));
    m_openFolder->setAccessibleName(tr("Open the folder of the report"));
    m_openFolder->hide();
    column->addWidget(m_openFolder, 0, Qt::AlignLeft);
    column->addStretch(1);
    connect(browse, &QPushButton::clicked, this, &ReportPanel::chooseFolder);
    connect(m_export, &QPushButton::clicked, this, &ReportPanel::exportReport);
    connect(m_openFolder, &QPushButton::clicked, this,
            [this] { QDesktopServices::openUrl(QUrl::fromLocalFile(m_folder->text())); });
    for (QLineEdit* edit : {m_name, m_folder})
        connect(edit, &QLineEdit::textEdited, this, [this] {
            m_replacing.clear();
            m_export->setText(tr("Export"));
        });
    return page;
}

void ReportPanel::suggestTarget()
{
    const Session* session = workbench()->session();
    const QFileInfo file(session ? text::of(session->path()) : QString());
    const QString autosave = QStandardPaths::writableLocation(QStandardPaths::AppDataLocation);
    const bool named = session && !session->path().empty() && !file.absolutePath().startsWith(autosave);
    m_name->setText(named ? file.completeBaseName() + QStringLiteral("-report") : QStringLiteral("layerscope-report"));
    m_folder->setText(named ? file.absolutePath()
                            : QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation));
    m_folder->setCursorPosition(0);
    m_replacing.clear();
    showResult({}, "second", false);
    m_shown = false;
}

void ReportPanel::refresh()
{
    Session* session = workbench()->session();
    const RunData* run = workbench()->run();
    const bool tokens = run && !run->lanes.empty() && !run->lanes[0].tokens.empty();
    if (!session || (!tokens && session->experiments().empty())) {
        setState(State::Empty, tr("Generate once, or open a session: then there is something to report."));
        return;
    }
    if (workbench()->generating()) {
        // A report of half a run would be out of date before it is laid out.
        if (m_shown)
            setState(State::Stale, tr("a run goes on"));
        else
            setState(State::Empty, tr("The report follows when the run has ended."));
        return;
    }
    rebuild();
}

void ReportPanel::rebuild()
{
    Session* session = workbench()->session();
    if (!session)
        return;
    if (m_building) {
        m_waiting = true;
        return;
    }
    m_building = true;
    if (!m_shown)
        setState(State::Loading, tr("Making the report."));
    std::set<std::string> left;
    const auto stored = session->property(kProperty);
    if (stored.is_object() && stored.contains("left") && stored["left"].is_array())
        for (const auto& id : stored["left"])
            if (id.is_string())
                left.insert(id.get<std::string>());
    onWorker([input = reportInput(*session, workbench()->run() ? workbench()->run()->id : 0),
              left](ReportWorker& worker) { return worker.build(input, left); },
             [this](const ReportOutline& outline) { show(outline); });
}

void ReportPanel::sectionToggled()
{
    nlohmann::json ids = nlohmann::json::array();
    for (int i = 0; i < m_sections->count(); ++i) {
        const QListWidgetItem* item = m_sections->item(i);
        if ((item->flags() & Qt::ItemIsEnabled) && item->checkState() == Qt::Unchecked)
            ids.push_back(item->data(kIdRole).toString().toStdString());
    }
    Session* session = workbench()->session();
    if (!session)
        return;
    session->setProperty(kProperty, {{"left", ids}});
    rebuild();
}

void ReportPanel::show(const ReportOutline& outline)
{
    m_building = false;
    if (m_waiting) {
        m_waiting = false;
        rebuild();
        return;
    }
    m_filling = true;
    const auto stored = workbench()->session() ? workbench()->session()->property(kProperty) : nlohmann::json();
    const auto isLeft = [&stored](const QString& id) {
        if (stored.is_object() && stored.contains("left"))
            for (const auto& each : stored["left"])
                if (each == id.toStdString())
                    return true;
        return false;
    };
    m_sections->clear();
    for (const ReportOutline::Entry& entry : outline.sections) {
        auto* item = new QListWidgetItem(entry.title + QLatin1Char('\n') + entry.detail, m_sections);
        item->setData(kIdRole, entry.id);
        item->setToolTip(entry.detail);
        item->setData(Qt::AccessibleTextRole, entry.title + QStringLiteral(", ") + entry.detail);
        if (!entry.available)
            item->setForeground(theme::color(theme::Role::TextThird));
        item->setFlags(entry.available ? Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemIsUserCheckable
                                       : Qt::NoItemFlags);
        item->setCheckState(entry.available && !isLeft(entry.id) ? Qt::Checked : Qt::Unchecked);
    }
    const int page = std::clamp(m_pageWanted, 0, std::max(0, int(outline.thumbnails.size()) - 1));
    m_thumbnails->clear();
    for (int i = 0; i < outline.thumbnails.size(); ++i) {
        auto* item =
            new QListWidgetItem(QIcon(QPixmap::fromImage(outline.thumbnails[i])), QString::number(i + 1), m_thumbnails);
        item->setData(Qt::AccessibleTextRole, tr("Page %1").arg(i + 1));
    }
    m_thumbnails->setCurrentRow(page);
    m_filling = false;
    m_pageWanted = page;
    m_shown = true;
    setState(workbench()->generating() ? State::Stale : State::Captured,
             workbench()->generating() ? tr("a run goes on") : QString());
    requestPage();
    Q_EMIT built();
    if (m_exportNext) {
        m_exportNext = false;
        exportReport();
    }
}

void ReportPanel::requestPage()
{
    if (!m_shown)
        return;
    const int page = m_pageWanted, count = m_thumbnails->count();
    const QSize room = m_scroll->viewport()->size();
    const int zoom = m_zoom->currentData().toInt();
    int width = zoom > 0 ? 595 * zoom / 100 : room.width() - 8;
    if (zoom < 0)
        width = std::min(width, int((room.height() - 8) / std::sqrt(2.0)));
    width = std::max(width, 120);
    const qreal ratio = devicePixelRatioF();
    m_count->setText(tr("A4 · page %1 of %2").arg(page + 1).arg(count));
    ++m_drawing;
    onWorker(
        [page, width, ratio](ReportWorker& worker) {
            return std::pair{worker.page(page, int(std::lround(width * ratio))), worker.pageText(page)};
        },
        [this, page, ratio](std::pair<QImage, QString> drawn) {
            --m_drawing;
            if (page != m_pageWanted || drawn.first.isNull())
                return;
            QPainter frame(&drawn.first);
            frame.setPen(theme::color(theme::Role::StrongBorder));
            frame.drawRect(drawn.first.rect().adjusted(0, 0, -1, -1));
            frame.end();
            drawn.first.setDevicePixelRatio(ratio);
            m_page->setPixmap(QPixmap::fromImage(drawn.first));
            m_page->setAccessibleDescription(drawn.second);
        });
}

void ReportPanel::resizeEvent(QResizeEvent* event)
{
    QFrame::resizeEvent(event);
    RepaintClock::instance().markDirty(m_page, [this] { requestPage(); });
}

bool ReportPanel::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() == QEvent::Resize)
        RepaintClock::instance().markDirty(m_page, [this] { requestPage(); });
    return Panel::eventFilter(watched, event);
}

QStringList ReportPanel::formats() const
{
    QStringList out;
    for (const QCheckBox* box : m_formats)
        if (box->isChecked())
            out << box->property("format").toString();
    return out;
}

void ReportPanel::chooseFolder()
{
    auto* dialog = new QFileDialog(this, tr("Folder of the report"), m_folder->text());
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::Directory);
    dialog->setOption(QFileDialog::ShowDirsOnly);
    connect(dialog, &QFileDialog::fileSelected, m_folder, &QLineEdit::setText);
    dialog->open();
}

void ReportPanel::exportReport()
{
    if (!m_shown && !m_building) // asked for from elsewhere before this panel was ever drawn
        refresh();
    if (m_building || m_waiting) {
        m_exportNext = true;
        return;
    }
    if (m_writing)
        return;
    if (!m_shown)
        return showResult(tr("There is nothing to export yet. Generate once, or open a session."), "error", false);
    const QString name = m_name->text().trimmed();
    if (name.isEmpty() || name.contains(QLatin1Char('/')))
        return showResult(tr("Give the report a name without slashes."), "error", false);
    const QString key = m_folder->text() + QLatin1Char('/') + name;
    QStringList there;
    for (const QString& path : ReportWorker::targets(m_folder->text(), name, formats()))
        if (QFileInfo::exists(path))
            there << QFileInfo(path).fileName();
    if (!there.isEmpty() && m_replacing != key) {
        m_replacing = key;
        m_export->setText(tr("Replace"));
        showResult(tr("%1 exists already. Replace it, or choose another name.").arg(there.join(QStringLiteral(", "))),
                   "error", false);
        return;
    }
    write();
}

void ReportPanel::write()
{
    m_writing = true;
    m_export->setEnabled(false);
    showResult(tr("Writing …"), "second", false);
    onWorker([folder = m_folder->text(), name = m_name->text().trimmed(),
              formats = formats()](ReportWorker& worker) { return worker.write(folder, name, formats); },
             [this](const ReportWorker::Exported& result) {
                 m_writing = false;
                 m_replacing.clear();
                 m_export->setText(tr("Export"));
                 m_export->setEnabled(true);
                 if (result.failure) {
                     showResult(text::sentence(*result.failure), "error", !result.files.isEmpty());
                     Q_EMIT exported({});
                     return;
                 }
                 QStringList names;
                 for (const QString& file : result.files)
                     names << QFileInfo(file).fileName();
                 showResult(tr("Written: %1").arg(names.join(QStringLiteral(", "))), "good", true);
                 Q_EMIT exported(result.files);
             });
}

void ReportPanel::showResult(const QString& text, const char* role, bool folderButton)
{
    m_result->setText(text);
    m_result->setProperty("role", role);
    m_result->style()->unpolish(m_result);
    m_result->style()->polish(m_result);
    m_openFolder->setVisible(folderButton);
}

} // namespace ls
