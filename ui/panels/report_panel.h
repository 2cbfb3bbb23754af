#pragma once

#include "ui/panels/panel.h"

#include <QThread>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QListWidget;
class QPushButton;
class QScrollArea;

namespace ls {

class ReportWorker;
struct ReportOutline;

/// Report builder: what goes into it, the pages as they will be exported, and the export. Everything that takes time
/// happens on a thread of its own.
class ReportPanel : public Panel {
    Q_OBJECT
public:
    explicit ReportPanel(Workbench* workbench, QWidget* parent = nullptr);
    ~ReportPanel() override;
    /// Writes the files; waits for a report that is being made.
    void exportReport();
    bool busy() const { return m_building || m_waiting || m_writing || m_drawing > 0; }

Q_SIGNALS:
    void built();
    void exported(const QStringList& files); ///< empty = it failed, the reason stands in the panel

protected:
    void resizeEvent(QResizeEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    QWidget* buildSections();
    QWidget* buildPreview();
    QWidget* buildExport();
    void refresh();
    void rebuild();
    void show(const ReportOutline& outline);
    void sectionToggled();
    void requestPage();
    void chooseFolder();
    void suggestTarget();
    void write();
    void showResult(const QString& text, const char* role, bool folderButton);
    QStringList formats() const;
    /// Runs `work` on the worker's thread and `done` with its result here.
    template <typename Work, typename Done>
    void onWorker(Work work, Done done);

    QThread m_thread;
    ReportWorker* m_worker;
    QListWidget *m_sections, *m_thumbnails;
    QLabel *m_page, *m_count, *m_result;
    QScrollArea* m_scroll;
    QComboBox* m_zoom;
    QLineEdit *m_name, *m_folder;
    QPushButton *m_export, *m_openFolder;
    std::vector<QCheckBox*> m_formats;
    bool m_building = false; ///< the worker makes a report
    bool m_waiting = false;  ///< another one is wanted after it
    bool m_writing = false;
    bool m_exportNext = false; ///< asked for while one was being made
    bool m_filling = false;
    bool m_shown = false; ///< there are pages
    QString m_replacing;  ///< the name of which the user knows that its files will be replaced
    int m_pageWanted = 0;
    int m_drawing = 0; ///< pages asked for
};

} // namespace ls
