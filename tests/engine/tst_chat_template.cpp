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
    void realTemplates_withTools_data();
    void realTemplates_withTools();
    void claims_data();
    void claims();
    void hostileTemplates_areStopped_data();
    void hostileTemplates_areStopped();
    void longChains_areFreed();
    void mistakes_nameTheLine();
    void aContextTooDeep_isRefused();
    void clock_isUsedWithoutAFixedTime();
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

/// Tools, tool calls, thinking, and chats the templates were not written for.
void TestChatTemplate::realTemplates_withTools_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("context");
    QTest::addColumn<QString>("rendered");
    QTest::addColumn<QString>("error");
    const ordered_json file = readJson(LAYERSCOPE_TEST_DATA "/golden/jinja_claims.json");
    QVERIFY(file.is_object() && file["chats"].size() > 300);
    int number = 0;
    for (const ordered_json& chat : file["chats"]) {
        const auto text = [&](const char* key) { return QString::fromStdString(chat.value(key, std::string())); };
        QTest::addRow("%d %s", ++number, qPrintable(text("name")))
            << text("name") << QString::fromStdString(chat["context"].dump()) << text("rendered") << text("error");
    }
}

void TestChatTemplate::realTemplates_withTools()
{
    QFETCH(QString, name);
    QFETCH(QString, context);
    QFETCH(QString, rendered);
    QFETCH(QString, error);
    const ordered_json golden = readJson(LAYERSCOPE_TEST_DATA "/golden/chat/" + name.toStdString() + ".json");
    ordered_json variables = ordered_json::parse(context.toStdString());
    variables.emplace("strftime_now", "01 Jan 2026");
    const Outcome outcome = render(golden["template"], variables);
    QCOMPARE(QString::fromStdString(outcome.error), error);
    QCOMPARE(QString::fromStdString(outcome.rendered), rendered);
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

/// Each would run for hours, fill the memory or overflow the stack.
void TestChatTemplate::hostileTemplates_areStopped_data()
{
    QTest::addColumn<QString>("source");
    QTest::addColumn<QString>("error");
    const QString tooLong = "The template runs too long.", tooMuch = "The template makes too much text.",
                  tooDeep = "The template is nested too deeply.", tooWide = "The width of the format is too large.";
    const QString loops = "{% for a in range(99999) %}{% for b in range(99999) %}";
    const auto repeat = [](const QString& part, int count) { return part.repeated(count); };
    QTest::newRow("loops") << loops + "{% endfor %}{% endfor %}" << tooLong;
    QTest::newRow("output") << loops + "{{ 'x' * 5000 }}{% endfor %}{% endfor %}" << tooMuch;
    QTest::newRow("doubling")
        << "{% set n = namespace(s='ab') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}" << tooMuch;
    QTest::newRow("repeating") << "{{ 'abc' * 999999999999 }}" << tooMuch;
    QTest::newRow("repeating a list") << "{{ [1] * 999999999 }}" << tooMuch;
    QTest::newRow("width") << "{{ 'a'.center(999999999999) }}" << tooMuch;
    QTest::newRow("width of a format") << "{{ '%99999s' % 'a' }}" << tooWide;
    QTest::newRow("width beyond 64 bits") << "{{ '%18446744073709551617s' % 'a' }}" << tooWide; // 1, modulo 2^64
    QTest::newRow("precision beyond 64 bits") << "{{ '%.18446744073709551617f' % 1.5 }}" << tooWide;
    QTest::newRow("width from a value") << "{{ '%*s' % (99999, 'a') }}" << tooWide;
    QTest::newRow("digits after the width from a value") << "{{ '%*5s' % (3, 'a') }}"
                                                         << "unsupported format character '5' (0x35) at index 2";
    QTest::newRow("endless macro") << "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"
                                   << "maximum recursion depth exceeded";
    QTest::newRow("endless loop") << "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}"
                                  << "maximum recursion depth exceeded";
    QTest::newRow("brackets") << repeat("{{ ", 1) + repeat("(", 100000) << tooDeep;
    QTest::newRow("lists") << "{{ " + repeat("[", 100000) << tooDeep;
    QTest::newRow("signs") << "{{ " + repeat("-", 100000) << tooDeep;
    QTest::newRow("not") << "{{ " + repeat("not ", 100000) << tooDeep;
    QTest::newRow("filters") << "{{ 1" + repeat("|abs", 100000) + " }}" << tooDeep;
    QTest::newRow("attributes") << "{{ a" + repeat(".b", 100000) + " }}" << tooDeep;
    QTest::newRow("blocks") << repeat("{% if 1 %}", 100000) << tooDeep;
    QTest::newRow("inline ifs") << "{{ 1" + repeat(" if 1 else 1", 100000) + " }}" << tooDeep;
    QTest::newRow("lists in lists")
        << "{% set n = namespace(v=[]) %}{% for i in range(9999) %}{% set n.v = [n.v] %}{% endfor %}"
        << "A value is nested too deeply.";
    QTest::newRow("methods of methods")
        << "{% set n = namespace(v=[]) %}{% for i in range(9999) %}{% set n.v = [[n.v].count] %}{% endfor %}"
        << "A value is nested too deeply.";
    QTest::newRow("shared lists, compared") << "{% set n = namespace(a=[], b=[]) %}{% for i in range(90) %}{% set n.a "
                                               "= [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor %}{{ n.a == n.b }}"
                                            << tooLong;
    QTest::newRow("shared lists, written")
        << "{% set n = namespace(a=[]) %}{% for i in range(90) %}{% set n.a = [n.a, n.a] %}{% endfor %}{{ n.a }}"
        << tooLong;
    QTest::newRow("shared lists as JSON")
        << "{% set n = namespace(a=[]) %}{% for i in range(90) %}{% set n.a = [n.a, n.a] %}{% endfor %}{{ n.a|tojson }}"
        << tooLong;
    QTest::newRow("needle") << "{% set h = 'a' * 9999999 %}{% set n = 'a' * 4999999 ~ 'b' %}" + loops +
                                   "{{ n in h }}{% endfor %}{% endfor %}"
                            << tooLong;
    QTest::newRow("long missing key") << "{% set k = 'k' * 999999 %}" + loops + "{{ {}[k] }}{% endfor %}{% endfor %}"
                                      << tooLong;
    QTest::newRow("characters") << "{% set t = 'é' * 999999 %}" + loops + "{{ t[a] }}{% endfor %}{% endfor %}"
                                << tooLong;
}

void TestChatTemplate::hostileTemplates_areStopped()
{
    QFETCH(QString, source);
    QFETCH(QString, error);
    QCOMPARE(QString::fromStdString(render(source.toStdString(), ordered_json::object()).error), error);
}

/// A chain that would be freed recursively, a cycle, and macros that hold each other.
void TestChatTemplate::longChains_areFreed()
{
    const Outcome chain =
        render("{% set n = namespace() %}{% for i in range(99999) %}{% set n.next = namespace(v=n.next) "
               "%}{% endfor %}{% set n.self = n %}done",
               ordered_json::object());
    QCOMPARE(chain.rendered, std::string("done"));
    const Outcome macros =
        render("{% set n = namespace(f=1) %}{% macro m(f) %}{% macro inner() %}{{ f }}{% endmacro %}"
               "{% set n.f = inner %}{% endmacro %}{% for i in range(9999) %}{{ m(n.f) }}{% endfor %}done",
               ordered_json::object());
    QCOMPARE(macros.rendered, std::string("done"));
}

void TestChatTemplate::mistakes_nameTheLine()
{
    const auto broken = ChatTemplate::parse("a\n{% if x %}\n{{ 1 + }}");
    QVERIFY(!broken.ok());
    QVERIFY(broken.error().code == Errc::TemplateFailed);
    QCOMPARE(broken.error().detail, std::string("Line 3 of the chat template."));
    const auto parsed = ChatTemplate::parse("a\n{% for m in messages %}\n{{ m.x.y }}{% endfor %}");
    QVERIFY(parsed.ok());
    const auto failed = parsed.value()->render({{"messages", ordered_json::array({ordered_json::object()})}});
    QVERIFY(!failed.ok());
    QCOMPARE(failed.error().message, std::string("'dict object' has no attribute 'x'"));
    QCOMPARE(failed.error().detail, std::string("Line 3 of the chat template."));
    QVERIFY(!failed.error().hint.empty());
}

void TestChatTemplate::aContextTooDeep_isRefused()
{
    ordered_json deep = ordered_json::array();
    for (int i = 0; i < 400; ++i)
        deep = ordered_json::array({std::move(deep)});
    QCOMPARE(render("{{ x|length }}", {{"x", deep}}).error, std::string("A value is nested too deeply."));
    QCOMPARE(render("{{ y }}fine", {{"x", deep}}).rendered, std::string("fine")); // never looked at
}

void TestChatTemplate::clock_isUsedWithoutAFixedTime()
{
    const QString year = QString::fromStdString(render("{{ strftime_now('%Y') }}", ordered_json::object()).rendered);
    const int now = QDate::currentDate().year();
    QVERIFY2(year.toInt() == now || year.toInt() == now - 1, qPrintable(year)); // at midnight of New Year
}

QTEST_GUILESS_MAIN(TestChatTemplate)
#include "tst_chat_template.moc"
