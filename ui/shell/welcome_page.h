#pragma once

#include <QStringList>
#include <QWidget>

class QListWidget;

namespace ls {

/// What a first start shows: open a model, open a session, recent files. objectName page.welcome.
class WelcomePage : public QWidget {
    Q_OBJECT
public:
    explicit WelcomePage(QWidget* parent = nullptr);
    void setRecent(const QStringList& paths); ///< models and sessions, newest first; missing ones are greyed

Q_SIGNALS:
    void openModel();
    void openSession();
    void openPath(const QString& path);

private:
    QListWidget* m_recent;
};

} // namespace ls
