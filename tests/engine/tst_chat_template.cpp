#include "engine/text/chat_template.h"

#include <nlohmann/json.hpp>

#include <QtTest>

#include <filesystem>
#include <fstream>

using namespace ls;
using nlohmann::ordered_json;

/// Chat templates against the reference implementation (Jinja2 with the settings of transformers).
class TestChatTemplate : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void realTemplates_data();
    void realTemplates();
    void claims_data();
    void claims();
};

namespace {

ordered_json readJson(const std::string& path)
{
    std::ifstream file(path);
    return ordered_json::parse(file, nullptr, false);
}

struct Outcome {
    std::string rendered, error;
};
Outcome render(const std::string& source, const ordered_json& context)
{
    const auto parsed = ChatTemplate::parse(source);
    if (!parsed)
        return {{}, parsed.error().message};
    const auto text = parsed.value()->render(context);
    return text ? Outcome{text.value(), {}} : Outcome{{}, text.error().message};
}

} // namespace

void TestChatTemplate::realTemplates_data()
{
    QTest::addColumn<QString>("path");
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(LAYERSCOPE_TEST_DATA "/golden/chat"))
        if (++count && entry.path().extension() == ".json")
            QTest::newRow(entry.path().stem().c_str()) << QString::fromStdString(entry.path().string());
    QVERIFY(count > 0);
}

void TestChatTemplate::realTemplates()
{
    QFETCH(QString, path);
    const ordered_json golden = readJson(path.toStdString());
    QVERIFY(golden.is_object());
    for (const ordered_json& example : golden["cases"]) {
        ordered_json context = example["context"]; // the goldens were rendered with these
        context.emplace("bos_token", "<s>");
        context.emplace("eos_token", "</s>");
        context.emplace("strftime_now", "01 Jan 2026");
        const Outcome outcome = render(golden["template"], context);
        QCOMPARE(QString::fromStdString(outcome.error), QString::fromStdString(example.value("error", std::string())));
        QCOMPARE(QString::fromStdString(outcome.rendered),
                 QString::fromStdString(example.value("rendered", std::string())));
    }
}

/// Small templates for every tag, filter, test, method and message: tests/data/make_jinja_claims.py.
void TestChatTemplate::claims_data()
{
    QTest::addColumn<QString>("source");
    QTest::addColumn<QString>("context");
    QTest::addColumn<QString>("rendered");
    QTest::addColumn<QString>("error");
    const ordered_json file = readJson(LAYERSCOPE_TEST_DATA "/golden/jinja_claims.json");
    QVERIFY(file.is_object() && file["claims"].size() > 500);
    int number = 0;
    for (const ordered_json& claim : file["claims"]) {
        const auto text = [&](const char* key) { return QString::fromStdString(claim.value(key, std::string())); };
        const ordered_json context = claim.value("context", file["context"]);
        QTest::addRow("%s %d", claim["group"].get<std::string>().c_str(), ++number)
            << text("template") << QString::fromStdString(context.dump()) << text("rendered") << text("error");
    }
}

void TestChatTemplate::claims()
{
    QFETCH(QString, source);
    QFETCH(QString, context);
    QFETCH(QString, rendered);
    QFETCH(QString, error);
    ordered_json variables = ordered_json::parse(context.toStdString());
    variables.emplace("strftime_now", "01 Jan 2026");
    const Outcome outcome = render(source.toStdString(), variables);
    const QString said = outcome.error.empty() ? QString::fromStdString(outcome.rendered) : QString();
    const QByteArray about =
        (source + "\n  gives    " + said + "\n  error    " + QString::fromStdString(outcome.error) + "\n  expected " +
         rendered + "\n  error    " + error)
            .toUtf8();
    QVERIFY2(said == rendered && QString::fromStdString(outcome.error) == error, about.constData());
}

QTEST_GUILESS_MAIN(TestChatTemplate)
#include "tst_chat_template.moc"
