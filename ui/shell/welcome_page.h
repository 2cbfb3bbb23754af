#pragma once

#include <QWidget>

namespace ls {

class RecentList;

/// What a first start shows: open a model, open a session, recent files. objectName page.welcome.
class WelcomePage : public QWidget {
    Q_OBJECT
public:
    explicit WelcomePage(QWidget* parent = nullptr);
    void refresh(); ///< the list of recent files

Q_SIGNALS:
    void openModel();
    void openSession();
    void openPath(const QString& path);

private:
    RecentList* m_recent;
};

} // namespace ls
