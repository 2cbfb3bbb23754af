#include "core/error.h"

#include <QDir>
#include <QtTest>

using namespace ls;

/// Every code has a name of its own and a help page of that name.
class TestError : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void code_hasANameAndAPage();
    void page_belongsToACode();
    void tryMacro_returnsTheErrorOrTheValue();
};

namespace {
constexpr int kLast = int(Errc::NotSupported);

Result<int> half(int value)
{
    if (value % 2)
        return Error{Errc::InvalidParameter, "odd", "give an even number", {}};
    return value / 2;
}

Result<int> quarter(int value)
{
    LS_TRY(const int first, half(value));
    LS_TRY(const int second, half(first));
    return second;
}
} // namespace

void TestError::code_hasANameAndAPage()
{
    for (int i = 0; i <= kLast; ++i) {
        const auto name = errcName(Errc(i));
        QCOMPARE(errcFromName(name), Errc(i)); // also: no two codes share a name
        const QString page = QStringLiteral(LAYERSCOPE_SOURCE_DIR "/docs/errors/%1.md")
                                 .arg(QString::fromUtf8(name.data(), int(name.size())));
        QVERIFY2(QFile::exists(page), qPrintable(page));
    }
}

void TestError::page_belongsToACode()
{
    const auto pages = QDir(QStringLiteral(LAYERSCOPE_SOURCE_DIR "/docs/errors")).entryList({QStringLiteral("*.md")});
    QCOMPARE(int(pages.size()), kLast + 1);
}

void TestError::tryMacro_returnsTheErrorOrTheValue()
{
    QCOMPARE(quarter(12).value(), 3);
    QCOMPARE(quarter(6).error().message, std::string("odd"));
    QCOMPARE(quarter(5).error().code, Errc::InvalidParameter);
}

QTEST_GUILESS_MAIN(TestError)
#include "tst_error.moc"
