#include "ui/panels/panel.h"

#include "core/json_value.h"
#include "core/spec/method_use.h"
#include "ui/panels/head_button.h"
#include "ui/shell/text.h"
#include "ui/shell/workbench.h"

#include <QApplication>
#include <QClipboard>
#include <QEvent>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QSaveFile>
#include <QStackedLayout>
#include <QStyle>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>
#include <QWhatsThis>

namespace ls {

namespace {
constexpr const char* kStateNames[] = {"empty", "loading", "live", "captured", "stale", "error", "unavailable"};
}

Panel::Panel(const QString& id, const QString& title, Workbench* workbench, QWidget* parent)
    : QFrame(parent)
    , m_id(id)
    , m_workbench(workbench)
{
    const QString name = QStringLiteral("panel.%1").arg(id);
    setObjectName(name);
    setAccessibleName(title);
    setProperty("panel", true);
    auto* layout = m_layout = new QVBoxLayout(this);
    layout->setContentsMargins(1, 1, 1, 1);
    layout->setSpacing(0);

    auto* head = m_head = new QWidget;
    head->setProperty("head", true);
    head->setAttribute(Qt::WA_StyledBackground);
    auto* row = new QHBoxLayout(head);
    row->setContentsMargins(10, 0, 6, 0);
    row->addStrut(34); // a dock asks the title bar for its size hint, not for its fixed height
    row->setSpacing(6);
    auto* label = m_title = new QLabel(title);
    label->setObjectName(name + QStringLiteral(".title"));
    label->setProperty("role", "title");
    row->addWidget(label);
    m_chip = new QLabel;
    m_chip->setObjectName(name + QStringLiteral(".state"));
    m_chip->setProperty("chip", true);
    row->addWidget(m_chip, 0, Qt::AlignVCenter);
    row->addStretch(1);
    m_options = new QHBoxLayout;
    m_options->setSpacing(6);
    row->addLayout(m_options);
    const auto button = [&](const QString& part, QToolButton* tool, const QString& sign, const QString& tip) {
        tool->setObjectName(name + QLatin1Char('.') + part);
        tool->setText(sign);
        tool->setToolTip(tip);
        tool->setAccessibleName(tip);
        row->addWidget(tool);
        return tool;
    };
    auto* update =
        button(QStringLiteral("update"), new QToolButton, tr("Update"), tr("Compute again with the present settings"));
    update->hide();
    connect(update, &QToolButton::clicked, this, &Panel::actionRequested);
    auto* copy =
        button(QStringLiteral("copy"), new HeadButton(HeadButton::Sign::Copy), {}, tr("Copy the numbers as a table"));
    connect(copy, &QToolButton::clicked, this, [this] { QApplication::clipboard()->setText(exportText()); });
    auto* save = button(QStringLiteral("export"), new HeadButton(HeadButton::Sign::Export), {},
                        tr("Export the numbers as a file"));
    connect(save, &QToolButton::clicked, this, &Panel::exportTable);
    auto* help = button(QStringLiteral("help"), new QToolButton, QStringLiteral("?"), tr("What this panel shows"));
    connect(help, &QToolButton::clicked, this,
            [this, help] { QWhatsThis::showText(help->mapToGlobal(QPoint(0, help->height())), m_help, help); });
    layout->addWidget(head);

    auto* body = m_body = new QWidget;
    m_stack = new QStackedLayout(body);
    auto* page = new QWidget;
    auto* pageLayout = new QVBoxLayout(page);
    pageLayout->setContentsMargins(16, 8, 16, 8);
    m_message = new QLabel;
    m_message->setObjectName(name + QStringLiteral(".message"));
    m_message->setWordWrap(true);
    m_message->setAlignment(Qt::AlignCenter);
    m_message->setProperty("role", "second");
    m_message->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* action = new QPushButton;
    action->setObjectName(name + QStringLiteral(".action"));
    connect(action, &QPushButton::clicked, this, &Panel::actionRequested);
    pageLayout->addStretch(1);
    pageLayout->addWidget(m_message);
    pageLayout->addWidget(action, 0, Qt::AlignHCenter);
    pageLayout->addStretch(1);
    m_stack->addWidget(page);
    layout->addWidget(body, 1);
    setState(State::Empty);
}

void Panel::changeEvent(QEvent* event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::PaletteChange)
        Q_EMIT themeChanged();
}

QString Panel::stateName() const
{
    return QLatin1String(kStateNames[int(m_state)]);
}

void Panel::setState(State state, const QString& text, const QString& button)
{
    const bool changed = m_state != state;
    m_state = state;
    QString chip;
    const char* tone = "";
    switch (state) {
    case State::Empty:
        break;
    case State::Loading:
        chip = tr("working");
        break;
    case State::Live:
        chip = tr("● live");
        tone = "good";
        break;
    case State::Captured:
        chip = tr("captured");
        break;
    case State::Stale:
        chip = text.isEmpty() ? tr("settings changed") : text;
        tone = "warning";
        break;
    case State::Error:
        chip = tr("error");
        tone = "error";
        break;
    case State::Unavailable:
        chip = tr("not available");
        break;
    }
    m_chip->setVisible(!chip.isEmpty());
    m_chip->setText(chip);
    if (m_chip->property("tone").toString() != QLatin1String(tone)) {
        m_chip->setProperty("tone", tone);
        m_chip->style()->unpolish(m_chip);
        m_chip->style()->polish(m_chip);
    }
    auto* action = findChild<QPushButton*>(objectName() + QStringLiteral(".action"));
    m_message->setText(text);
    action->setText(button);
    action->setVisible(!button.isEmpty());
    m_head->findChild<QToolButton*>(objectName() + QStringLiteral(".update"))->setVisible(state == State::Stale);
    const bool content = m_content && (state == State::Live || state == State::Captured || state == State::Stale);
    m_stack->setCurrentIndex(content ? 1 : 0);
    if (changed)
        Q_EMIT stateChanged();
}

void Panel::showError(const Error& error)
{
    setState(State::Error, text::sentence(error));
    m_message->setToolTip(text::of(error.detail));
}

void Panel::setContent(QWidget* content)
{
    if (m_content)
        m_content->deleteLater();
    m_content = content;
    m_stack->addWidget(content);
}

QString Panel::title() const
{
    return m_title->text();
}

void Panel::addOption(QWidget* widget)
{
    m_options->addWidget(widget);
}

void Panel::setStrip(QWidget* strip)
{
    m_layout->insertWidget(m_layout->indexOf(m_body), strip);
}

void Panel::setFooter(QWidget* footer)
{
    m_layout->addWidget(footer);
}

void Panel::setHelp(const QString& text)
{
    m_help = text;
    m_head->setWhatsThis(text);
}

void Panel::hideTableButtons()
{
    for (const char* part : {".copy", ".export"})
        m_head->findChild<QToolButton*>(objectName() + QLatin1String(part))->hide();
}

QString Panel::provenance() const
{
    QStringList parts{QStringLiteral("Layerscope " LAYERSCOPE_VERSION), m_id};
    const RunData* run = m_workbench ? m_workbench->run() : nullptr;
    if (m_workbench && (run || m_workbench->model())) {
        const ModelInfo& model = run ? run->model : *m_workbench->model();
        parts << QStringLiteral("model %1 (%2, %3)")
                     .arg(text::of(model.name), text::of(model.storedType), text::of(model.fingerprint))
              << QStringLiteral("%1 on %2").arg(text::of(model.dtype), text::of(model.device));
    }
    if (run) {
        parts << QStringLiteral("run %1 of %2, seed %3")
                     .arg(run->id)
                     .arg(text::of(run->startedAt))
                     .arg(run->spec.sampler.seed);
        for (const LaneData& lane : run->lanes)
            parts << QStringLiteral("lane %1 %2").arg(text::of(lane.name), text::of(dumped(toJson(lane.methods))));
        for (const ToggleData& toggle : run->toggles)
            parts << QStringLiteral("lane %1 from token %2 (%3) %4")
                         .arg(text::of(toggle.lane))
                         .arg(toggle.position)
                         .arg(text::of(toggle.policy), text::of(dumped(toJson(toggle.methods))));
    }
    return parts.join(QStringLiteral(" | "));
}

QString Panel::exportText() const
{
    return QStringLiteral("# ") + provenance() + QLatin1Char('\n') + tableAsTsv();
}

void Panel::exportTable()
{
    auto* dialog = new QFileDialog(this, tr("Export"), m_id + QStringLiteral(".tsv"), tr("Tab-separated (*.tsv)"));
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        QSaveFile file(path);
        const QByteArray bytes = exportText().toUtf8();
        if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size() || !file.commit())
            Q_EMIT m_workbench->problem({Errc::FileNotWritable, tr("%1 could not be written.").arg(path).toStdString(),
                                         tr("Choose another folder.").toStdString(), file.errorString().toStdString()});
    });
    dialog->open();
}

} // namespace ls
