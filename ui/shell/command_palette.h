#pragma once

#include <QDialog>

#include <functional>
#include <vector>

class QLineEdit;
class QListWidget;

namespace ls {

/// Finds commands, methods and blocks by a few letters. objectNames palette.edit, palette.list.
class CommandPalette : public QDialog {
    Q_OBJECT
public:
    struct Entry {
        QString title;
        QString shortcut;
        QString reason; ///< why it cannot be used now; empty = it can
        std::function<void()> run;
    };
    CommandPalette(std::vector<Entry> entries, QWidget* parent);
    /// Letters of `typed` in order; lower is better, -1 = no match.
    static int score(const QString& title, const QString& typed);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void filter(const QString& typed);
    void take();
    std::vector<Entry> m_entries;
    QLineEdit* m_edit;
    QListWidget* m_list;
};

} // namespace ls
