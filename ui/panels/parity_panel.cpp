#include "ui/panels/parity_panel.h"

#include "ui/client/engine_client.h"
#include "ui/plots/plot.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ls {

namespace {

/// "blocks.3.attn_out" as block and place; false for sites outside the blocks.
bool split(const std::string& site, int& block, QString& place)
{
    const QStringList parts = QString::fromStdString(site).split(QLatin1Char('.'));
    if (parts.size() < 3 || parts[0] != QLatin1String("blocks"))
        return false;
    block = parts[1].toInt();
    place = parts.mid(2).join(QLatin1Char('.'));
    return true;
}

QString scientific(double value)
{
    return QString::number(value, 'e', 1).replace(QLatin1Char('-'), QChar(0x2212));
}

} // namespace

ParityPanel::ParityPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("parity"), tr("Parity certificate"), workbench, parent)
    , m_verdict(new QLabel)
    , m_facts(new QLabel)
    , m_map(new HeatMap(QStringLiteral("parity.map"), tr("Error by site and block")))
    , m_checks(new QTableWidget(0, 4))
    , m_run(new QPushButton(tr("Verify")))
{
    setHelp(tr("The model as it runs against a second implementation in float64, block by block from the same input: "
               "largest difference in a row over the largest entry of that row. The first site over the bar is where "
               "to look. What both implementations share, reading the file, is not checked here: layerscope-cli "
               "certify --reference compares with stored values."));
    m_run->setObjectName(QStringLiteral("parity.run"));
    m_run->setAccessibleName(tr("Verify the model"));
    addOption(m_run);
    m_verdict->setObjectName(QStringLiteral("parity.verdict"));
    m_verdict->setAccessibleName(tr("Verdict"));
    m_verdict->setWordWrap(true);
    m_facts->setObjectName(QStringLiteral("parity.facts"));
    m_facts->setProperty("role", "third");
    m_facts->setWordWrap(true);
    for (QLabel* label : {m_verdict, m_facts})
        label->setContentsMargins(10, 4, 10, 2);
    m_map->setAxisTitles(tr("site"), tr("block"));
    m_map->setMinimumHeight(180);
    m_checks->setObjectName(QStringLiteral("parity.checks"));
    m_checks->setAccessibleName(tr("Checks"));
    m_checks->setHorizontalHeaderLabels({tr("Check"), tr("Measured"), tr("Bar"), tr("Result")});
    m_checks->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_checks->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_checks->setShowGrid(false);
    m_checks->verticalHeader()->hide();
    m_checks->verticalHeader()->setDefaultSectionSize(23);
    m_checks->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_checks->horizontalHeader()->setSectionResizeMode(0, QHeaderView::Stretch);
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addWidget(m_verdict);
    column->addWidget(m_facts);
    column->addWidget(m_map, 2);
    column->addWidget(m_checks, 1);
    setContent(body);
    onModel();

    connect(m_run, &QPushButton::clicked, this, &ParityPanel::verify);
    connect(this, &Panel::actionRequested, this, &ParityPanel::verify);
    connect(workbench, &Workbench::experimentChanged, this, &ParityPanel::onExperiment);
    connect(workbench, &Workbench::modelChanged, this, &ParityPanel::onModel);
    connect(workbench, &Workbench::sessionChanged, this, &ParityPanel::onModel);
    connect(this, &Panel::themeChanged, this,
            [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); });
}

void ParityPanel::verify()
{
    ExperimentData* newest = workbench()->latestExperiment(QStringLiteral("certify"));
    if (newest && newest->state == "running")
        workbench()->cancelExperiment(newest);
    else
        workbench()->runExperiment(QStringLiteral("certify"), nlohmann::json::object());
}

/// Another model: what was kept of it.
void ParityPanel::onModel()
{
    m_certificate.reset();
    if (const auto& model = workbench()->model())
        if (auto kept = loadCertificate(certificatePath(model->fingerprint, model->dtype)))
            m_certificate = std::move(kept).value();
    refresh();
}

void ParityPanel::onExperiment(ExperimentData* experiment)
{
    if (experiment->kind != "certify")
        return;
    const std::string id = experiment->startedAt + std::to_string(experiment->id);
    if (experiment->state == "done" && m_kept != id) {
        m_kept = id;
        auto certificate = certificateFromJson(experiment->result);
        if (certificate) {
            Certificate& made = certificate.value();
            const std::string path = certificatePath(made.fingerprint, made.dtype);
            if (const auto kept = loadCertificate(path))
                keepReference(made, kept.value());
            const Status stored = storeCertificate(path, made);
            if (!stored)
                Q_EMIT workbench()->problem(stored.error());
            m_certificate = std::move(certificate).value();
        } else {
            Q_EMIT workbench()->problem(certificate.error());
        }
    }
    RepaintClock::instance().markDirty(this, [this] { refresh(); });
}

void ParityPanel::refresh()
{
    const ExperimentData* newest = workbench()->latestExperiment(QStringLiteral("certify"));
    const bool running = newest && newest->state == "running";
    const bool model = workbench()->client()->model().has_value();
    m_run->setText(running ? tr("Stop") : m_certificate ? tr("Verify again") : tr("Verify"));
    m_run->setEnabled(running || model);
    m_run->setToolTip(model ? tr("Seconds for a small model; can be stopped") : tr("Open a model to verify it."));
    if (running)
        return setState(State::Loading,
                        tr("%1: %2 of %3.").arg(text::of(newest->stage)).arg(newest->done).arg(newest->total),
                        tr("Stop"));
    if (!m_certificate) {
        if (newest && newest->failure)
            setState(State::Error, text::sentence(*newest->failure), model ? tr("Verify") : QString());
        else if (model && newest && newest->state == "cancelled")
            setState(State::Empty, tr("The check was stopped: there is no verdict, and nothing was kept."),
                     tr("Verify"));
        else if (model)
            setState(State::Empty, tr("Check that this model is computed right."), tr("Verify"));
        else
            setState(State::Unavailable, tr("Open a model to see its certificate."));
        return;
    }
    const Certificate& c = *m_certificate;
    const QString words = c.verdict == "pass"      ? tr("✓ Passes")
                          : c.verdict == "unusual" ? tr("△ Passes with unusual errors")
                                                   : tr("✗ Fails");
    const QString first =
        c.firstOver.empty() ? tr("no site is over the bar") : tr("first over the bar: %1").arg(text::of(c.firstOver));
    m_verdict->setText(QStringLiteral("<b>%1</b> · %2").arg(words, first));
    QPalette palette = m_verdict->palette();
    palette.setColor(QPalette::WindowText, theme::color(c.verdict == "pass"      ? theme::Role::Good
                                                        : c.verdict == "unusual" ? theme::Role::Warning
                                                                                 : theme::Role::Error));
    m_verdict->setPalette(palette);
    QStringList facts;
    for (const CertificateSource& source : c.sources)
        facts << tr("against %1: %2 sites, %3 prompts, largest error %4")
                     .arg(text::of(source.name))
                     .arg(source.sites.size())
                     .arg(source.prompts.size())
                     .arg(scientific(worstError(source)));
    facts << tr("%1 as %2 on %3, %4").arg(text::of(c.model), text::of(c.dtype), text::of(c.device), text::of(c.engine))
          << tr("made %1; bars %2 and %3").arg(text::of(c.madeAt), scientific(c.usual), scientific(c.failure));
    m_facts->setText(facts.join(QStringLiteral(" · ")));
    showMap();
    showChecks();
    setState(State::Captured);
}

void ParityPanel::showMap()
{
    QStringList sites, blocks;
    std::vector<std::vector<float>> values;
    const CertificateSource* shown = nullptr; // float64 knows every site, stored values only some
    for (const CertificateSource& source : m_certificate->sources)
        if (!shown || source.sites.size() > shown->sites.size())
            shown = &source;
    for (int block = 0; block < m_certificate->blockCount; ++block)
        blocks << QString::number(block);
    for (const SiteError& site : shown ? shown->sites : std::vector<SiteError>()) {
        int block = 0;
        QString place;
        if (!split(site.site, block, place) || block < 0 || block >= blocks.size())
            continue;
        auto column = sites.indexOf(place);
        if (column < 0) {
            column = sites.size();
            sites << place;
            values.emplace_back(std::size_t(blocks.size()), std::numeric_limits<float>::quiet_NaN());
        }
        // exactly equal has no logarithm: it is shown as the smallest float32 can differ
        values[std::size_t(column)][std::size_t(block)] = float(std::log10(std::max(site.error, 1e-8)));
    }
    m_map->setData(values, sites, blocks, {}, tr("log₁₀ error"));
    m_map->yAxis->setRangeLower(-0.5); // no strip of classes below the blocks
    int block = -1;
    QString place;
    const bool marked = split(m_certificate->firstOver, block, place) && sites.contains(place);
    m_map->setCrosshair(marked ? int(sites.indexOf(place)) : -1, marked ? block : -1);
    m_map->setAccessibleDescription(text::of(summaryLine(*m_certificate)));
}

void ParityPanel::showChecks()
{
    m_checks->setRowCount(int(m_certificate->checks.size()));
    for (int i = 0; i < m_checks->rowCount(); ++i) {
        const CertificateCheck& check = m_certificate->checks[std::size_t(i)];
        const QString cells[] = {text::of(check.title), scientific(check.value),
                                 QStringLiteral("< ") + scientific(check.bar),
                                 !check.made    ? tr("not checked")
                                 : check.passed ? tr("✓ holds")
                                                : tr("✗ does not hold")};
        for (int column = 0; column < 4; ++column) {
            auto* item = new QTableWidgetItem(cells[column]);
            item->setToolTip(text::of(check.detail));
            if (column == 1 || column == 2)
                item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
            if (column == 3)
                item->setForeground(theme::color(!check.made    ? theme::Role::TextSecond
                                                 : check.passed ? theme::Role::Good
                                                                : theme::Role::Error));
            m_checks->setItem(i, column, item);
        }
    }
}

QString ParityPanel::tableAsTsv() const
{
    if (!m_certificate)
        return {};
    QString tsv = QStringLiteral("source\tsite\terror\taccumulated\tcosine\tprompt\tposition\n");
    for (const CertificateSource& source : m_certificate->sources)
        for (const SiteError& site : source.sites)
            tsv += QStringLiteral("%1\t%2\t%3\t%4\t%5\t%6\t%7\n")
                       .arg(text::of(source.name), text::of(site.site), QString::number(site.error, 'g', 4),
                            QString::number(site.accumulated, 'g', 4), QString::number(site.cosine, 'g', 9),
                            text::of(site.prompt))
                       .arg(site.position);
    return tsv;
}

} // namespace ls
