#pragma once

#include "ui/shell/recent_files.h"

#include <QWidget>

class QLabel;
class QListWidget;
class QPushButton;

namespace ls {

/// Files opened before, two lines each: name; type, size and folder. Missing ones are greyed, say so, and can be taken
/// off the list (button or Del). objectNames <prefix>.recent and <prefix>.forget.
class RecentList : public QWidget {
    Q_OBJECT
public:
    RecentList(const QString& prefix, bool sessionsToo, QWidget* parent = nullptr);
    void refresh(); ///< from the user's settings

Q_SIGNALS:
    void chosen(const QString& path);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void choose();
    void forget();
    bool m_sessionsToo;
    QListWidget* m_list;
    QPushButton* m_forget;
    QLabel* m_empty;
};

} // namespace ls
