#include "core/session/session.h"
#include "tests/support/bad_file.h"

#include <QTemporaryDir>
#include <QtTest>

#include <sqlite3.h>

#include <csignal>
#include <limits>
#include <random>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ls;

/// What was recorded is in the file, equal, and no misuse or mishap loses it.
class TestSession : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_dir = std::make_unique<QTemporaryDir>(); }
    void reopened_equalsTheLiveOne_data();
    void reopened_equalsTheLiveOne();
    void inMemory_writesNothingUntilSaved();
    void saveAs_replacesOnlyByAWholeFile();
    void olderFile_isBroughtUp_data();
    void olderFile_isBroughtUp();
    void create_isRefused_data();
    void create_isRefused();
    void open_isRefused_data();
    void open_isRefused();
    void second_openIsToldAndReadOnlyWorks();
    void lockOfAKilledOwnerDoesNotBlock();
    void running_becomesInterrupted();
    void metric_replacesItsOlderSelf();
    void diskFull_isToldAndRetried();
    void fileThatVanished_isTold();
    void killedWriter_losesAtMost200ms();
    void closed_isASingleFile();

private:
    std::string file(const char* name = "s.lsdb") const { return m_dir->filePath(name).toStdString(); }
    std::unique_ptr<QTemporaryDir> m_dir;
};

namespace {

ModelInfo model()
{
    ModelInfo info;
    info.name = "tiny";
    info.fingerprint = "00ff";
    info.path = "/models/\xff.gguf"; // paths are bytes, not text
    info.blockCount = 2;
    info.parameterCount = 135'000'000'000;
    return info;
}

RunSpec spec()
{
    RunSpec out;
    out.prompt.messages = {{{"role", "user"}, {"content", "Zürich?"}}};
    out.sampler = {0.7, 0.9, 18446744073709551615ull};
    out.lanes = {{"A", {}}, {"B", {{"steering", {{"coefficient", 4.0}, {"layers", {2}}}}}}};
    out.probes = {"logit_lens"};
    return out;
}

Token token(const std::string& lane, int position)
{
    return {1,
            lane,
            position,
            1000 + position,
            position % 2 ? " \"quoted\"; DROP TABLE token;--" : std::string("nul\0byte", 8),
            position < 2 ? "prompt" : "generated",
            -0.1F * float(position),
            position == 3 ? std::numeric_limits<float>::infinity() : 0.3F,
            {{position, "東", -1.2345678F}, {7, "\xc3", -std::numeric_limits<float>::infinity()}},
            33'000 * position,
            32'999};
}

/// A run with everything: two lanes, taps small and large, a toggle that forks, divergence, memory, ends.
void fill(Session& session)
{
    RunData& run = session.startRun(spec(), model());
    session.record(run, GenerationStarted{1, {"A", "B"}, 2, 1, "prompt as rendered"});
    std::vector<float> norms{1.0F, 2.5F, 1e-30F}, large(2000);
    for (std::size_t i = 0; i < large.size(); ++i)
        large[i] = float(i % 17);
    const std::vector<std::int32_t> ids{4, 5, 6};
    for (int position = 0; position < 6; ++position)
        for (const std::string lane : {"A", "B"}) {
            session.record(run, token(lane, position));
            session.record(run, Tap{1, lane, position, "resid_norm", TensorBlob::fromFloats({3}, norms), {}});
            session.record(run,
                           Tap{1, lane, position, "lens.ids", TensorBlob::fromInts({3, 1}, ids), {"a", "<b>", ""}});
            session.record(run, Tap{1, lane, position, "big", TensorBlob::fromFloats({20, 100}, large), {}});
        }
    session.record(run, Divergence{1, "B", 4});
    for (const char* lane : {"A", "B"})
        session.record(run, Stages{1, lane, {420'000, {2, {.qkv = 900}}, {3, {.attention = 70, .other = 1}}, 50}});
    session.record(run, Applied{2, 1, "B", 5, "fork", "C", 1234, {{"layer_skip", {{"blocks", {1}}}}}});
    session.record(run, token("C", 5));
    session.record(run, Stages{1, "B", {0, {}, {1, {.mlp = 33}}, 0}});
    session.record(run, Memory{1, 1'000'000, 500, {"A", "B"}, {1, 2}, {0, 3}});
    for (const char* lane : {"A", "B", "C"})
        session.record(run, LaneDone{1, lane, "eos", 4, 55'000, 29.75});
    session.record(run, GenerationDone{1});
    session.finishRun(run);

    RunData& failed = session.startRun(spec(), model());
    session.failRun(failed, {Errc::EngineDied, "The engine ended.", "Restart it.", "signal 9"});

    ExperimentData& experiment = session.startExperiment("perplexity", {{"text", "abc"}, {"stride", 0}}, model());
    session.record(experiment, Progress{3, "windows", 1, 2});
    session.record(experiment, ExperimentRow{3, 0, {{"lane", "B"}, {"nll_sum", 0.1 + 0.2}}});
    session.record(experiment, ExperimentRow{3, 1, {{"lane", "A"}, {"token_nll", {1.5, 2.25}}}});
    session.record(experiment, ExperimentDone{3, {{"A", {{"ppl", 17.25}}}}});
    session.endExperiment(experiment, "done", {});

    session.addMetric({"decode_rate", "A", "tok/s", 30.25, 29.5, 31.0, 5, "measured", "beef"}, run.id);
    session.addMetric({"kl", "B", "nats", 0.5, {}, {}, 1, "live", ""}, 0);
    session.addEvent(run.id, 3, "engine_restarted", {{"why", "killed"}});
    session.addNote("Line 1\nLine 2");
    session.putArtefact({"steering/x.gguf", "vector", {{"layer", 3}}, std::vector<std::uint8_t>(5000, 7)});
    session.putArtefact({"empty", "vector", {}, {}});
    session.setProperty("desk", {{{"method", "layer_skip"}}});
}

void compare(Session& a, Session& b)
{
    QCOMPARE(a.runs().size(), b.runs().size());
    for (std::size_t i = 0; i < a.runs().size(); ++i)
        QCOMPARE(*a.runs()[i], *b.runs()[i]);
    QCOMPARE(a.experiments().size(), b.experiments().size());
    for (std::size_t i = 0; i < a.experiments().size(); ++i)
        QCOMPARE(*a.experiments()[i], *b.experiments()[i]);
    QCOMPARE(a.metrics(), b.metrics());
    QCOMPARE(a.events(), b.events());
    QCOMPARE(a.notes(), b.notes());
    QCOMPARE(a.models(), b.models());
    QCOMPARE(a.property("desk"), b.property("desk"));
    const auto left = a.artefacts(), right = b.artefacts();
    QCOMPARE(left.size(), right.size());
    for (std::size_t i = 0; i < left.size(); ++i)
        QVERIFY(left[i].name == right[i].name && left[i].kind == right[i].kind && left[i].meta == right[i].meta &&
                left[i].bytes == right[i].bytes);
}

/// One value of the first row, or "" on an error.
QString query(const std::string& path, const char* sql)
{
    sqlite3* database = nullptr;
    sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
    sqlite3_stmt* statement = nullptr;
    QString out;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        out = QString::fromUtf8(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)));
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return out;
}

/// Whether all statements ran.
bool execute(const std::string& path, const char* sql)
{
    sqlite3* database = nullptr;
    sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
    const bool done = sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
    sqlite3_close(database);
    return done;
}

std::int64_t monotonicUs()
{
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// Starts this program again as `role path` (see main); what it prints comes through `out`.
pid_t startSelf(const char* role, const std::string& path, int* out)
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], STDOUT_FILENO);
        ::execl("/proc/self/exe", "tst_session", role, path.c_str(), nullptr);
        ::_exit(127);
    }
    ::close(ends[1]);
    *out = ends[0];
    return child;
}

/// The child of the kill tests: records tokens for ever and tells after each one when the call returned.
int writeForEver(const std::string& path)
{
    auto session = Session::create(path);
    if (!session)
        return 1;
    RunData& run = session.value()->startRun(spec(), model());
    session.value()->record(run, GenerationStarted{1, {"A"}, 2, 0, ""});
    for (int position = 0;; ++position) {
        session.value()->record(run, token("A", position));
        const std::int64_t line[2] = {position, monotonicUs()};
        if (::write(STDOUT_FILENO, line, sizeof(line)) != ssize_t(sizeof(line)))
            return 1;
        ::usleep(2000);
    }
}

} // namespace

void TestSession::reopened_equalsTheLiveOne_data()
{
    QTest::addColumn<bool>("readOnly");
    QTest::newRow("for writing") << false;
    QTest::newRow("read-only") << true;
}

void TestSession::reopened_equalsTheLiveOne()
{
    QFETCH(bool, readOnly);
    auto live = Session::create(file());
    QVERIFY(live.ok());
    fill(*live.value());
    QVERIFY(live.value()->flush().ok());
    auto memory = Session::create("");
    fill(*memory.value());
    live.value().reset();

    auto reopened = Session::open(file(), readOnly);
    QVERIFY2(reopened.ok(), reopened.ok() ? "" : reopened.error().detail.c_str());
    QCOMPARE(reopened.value()->readOnly(), readOnly);
    // The same calls give the same data; only the clock time of the start may differ.
    for (std::size_t i = 0; i < memory.value()->runs().size(); ++i)
        memory.value()->runs()[i]->startedAt = reopened.value()->runs()[i]->startedAt;
    memory.value()->experiments()[0]->startedAt = reopened.value()->experiments()[0]->startedAt;
    compare(*reopened.value(), *memory.value());
    QCOMPARE(reopened.value()->latestRun()->failure->detail, std::string("signal 9"));
    if (!readOnly) // and it goes on
        QCOMPARE(reopened.value()->startRun(spec(), model()).id, 3);
}

void TestSession::inMemory_writesNothingUntilSaved()
{
    auto session = Session::create("");
    fill(*session.value());
    QVERIFY(session.value()->flush().ok());
    QVERIFY(QDir(m_dir->path()).isEmpty());
    QVERIFY(session.value()->saveAs(file()).ok());
    QCOMPARE(session.value()->path(), file());
    session.value()->addNote("after"); // goes on in the new file
    QVERIFY(session.value()->flush().ok());
    auto copy = Session::open(file(), true);
    QVERIFY(copy.ok());
    compare(*copy.value(), *session.value());
    QCOMPARE(copy.value()->notes().back(), std::string("after"));
}

void TestSession::saveAs_replacesOnlyByAWholeFile()
{
    auto old = Session::create(file("old.lsdb"));
    old.value()->addNote("the old one");
    auto session = Session::create(file());
    fill(*session.value());
    const Status locked = session.value()->saveAs(file("old.lsdb"));
    QVERIFY(!locked.ok());
    QCOMPARE(locked.error().code, Errc::SessionLocked);
    QCOMPARE(session.value()->path(), file());
    old.value().reset();
    QVERIFY(session.value()->saveAs(file("old.lsdb")).ok());
    session.value().reset();
    auto saved = Session::open(file("old.lsdb"));
    QVERIFY(saved.ok());
    QCOMPARE(saved.value()->notes(), std::vector<std::string>{"Line 1\nLine 2"});
    auto left = Session::open(file()); // the first file is closed, whole and free
    QVERIFY(left.ok());
    compare(*left.value(), *saved.value());
}

void TestSession::olderFile_isBroughtUp_data()
{
    QTest::addColumn<bool>("readOnly");
    QTest::newRow("for writing") << false;
    QTest::newRow("read-only") << true;
}

/// A file of schema 1, which knew no times of stages: everything else is there, and writing goes on.
void TestSession::olderFile_isBroughtUp()
{
    QFETCH(bool, readOnly);
    auto written = Session::create(file());
    QVERIFY(written.ok());
    fill(*written.value());
    QVERIFY(written.value()->flush().ok());
    std::vector<RunData> expected;
    for (const RunData* run : written.value()->runs()) {
        expected.push_back(*run);
        for (LaneData& lane : expected.back().lanes)
            lane.stages = {};
    }
    written.value().reset();
    QVERIFY(execute(file(), "ALTER TABLE lane DROP COLUMN stages_json; PRAGMA user_version = 1"));
    auto opened = Session::open(file(), readOnly);
    QVERIFY2(opened.ok(), opened.ok() ? "" : opened.error().detail.c_str());
    QCOMPARE(opened.value()->runs().size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
        QCOMPARE(*opened.value()->runs()[i], expected[i]);
    opened.value().reset();
    QCOMPARE(query(file(), "PRAGMA user_version"), readOnly ? QStringLiteral("1") : QStringLiteral("2"));
}

void TestSession::create_isRefused_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("code");
    QTest::newRow("over a file that exists") << "there.lsdb" << int(Errc::FileNotWritable);
    QTest::newRow("in a folder that is missing") << "no/such/s.lsdb" << int(Errc::FileNotWritable);
    QTest::newRow("as a folder") << "." << int(Errc::FileNotWritable);
    QTest::newRow("where no file can be made") << "/proc/s.lsdb" << int(Errc::FileNotWritable);
    QTest::newRow("on a device that is full") << "/dev/full" << int(Errc::FileNotWritable);
}

void TestSession::create_isRefused()
{
    QFETCH(QString, name);
    QFETCH(int, code);
    test::writeFile(file("there.lsdb"), "precious");
    const std::string path = name.startsWith("/") ? name.toStdString() : file(name.toUtf8().constData());
    const auto session = Session::create(path);
    QVERIFY(!session.ok());
    QCOMPARE(int(session.error().code), code);
    QVERIFY(!session.error().hint.empty());
    QCOMPARE(QDir(m_dir->path()).entryList(QDir::Files), QStringList{"there.lsdb"}); // nothing left behind
    QFile there(m_dir->filePath("there.lsdb"));
    QVERIFY(there.open(QFile::ReadOnly));
    QCOMPARE(there.readAll(), QByteArray("precious"));
}

void TestSession::open_isRefused_data()
{
    QTest::addColumn<QString>("sql");
    QTest::addColumn<int>("code");
    QTest::newRow("missing") << "missing" << int(Errc::FileNotFound);
    QTest::newRow("a folder") << "folder" << int(Errc::FileNotFound);
    QTest::newRow("an empty file") << "empty" << int(Errc::SessionDamaged);
    QTest::newRow("a text") << "text" << int(Errc::SessionDamaged);
    QTest::newRow("cut in the middle") << "cut" << int(Errc::SessionDamaged);
    QTest::newRow("pages overwritten") << "noise" << int(Errc::SessionDamaged);
    QTest::newRow("a database of another program") << "PRAGMA application_id = 7" << int(Errc::SessionDamaged);
    QTest::newRow("a newer schema") << "PRAGMA user_version = 14" << int(Errc::SessionNewer);
    QTest::newRow("a table is missing") << "DROP TABLE token" << int(Errc::SessionDamaged);
    QTest::newRow("a token is missing") << "DELETE FROM token WHERE idx = 1" << int(Errc::SessionDamaged);
    QTest::newRow("a lane is missing") << "DELETE FROM lane WHERE id = 2" << int(Errc::SessionDamaged);
    QTest::newRow("a time that cannot be")
        << "UPDATE lane SET stages_json = '{\"decode\": {\"tokens\": -4}}'" << int(Errc::SessionDamaged);
    QTest::newRow("a time that is none") << "UPDATE lane SET stages_json = '{\"decode\": 4}'"
                                         << int(Errc::SessionDamaged);
    QTest::newRow("a model is missing") << "DELETE FROM model" << int(Errc::SessionDamaged);
    QTest::newRow("a tap's shape lies") << "UPDATE tap SET shape = '4'" << int(Errc::SessionDamaged);
    QTest::newRow("a tap's shape is huge") << "UPDATE tap SET shape = '99999999999,99'" << int(Errc::SessionDamaged);
    QTest::newRow("a compressed tap is cut")
        << "UPDATE tap SET blob = substr(blob, 1, 20) WHERE encoding = 'zstd'" << int(Errc::SessionDamaged);
    QTest::newRow(
        "a compressed tap claims 200 MB") // the frame's header too: 0xA0 = a size of four bytes, 50 000 000 floats
        << "UPDATE tap SET shape = '50000000', blob = x'28B52FFDA000C2EB0B' || substr(blob, 10) WHERE encoding = 'zstd'"
        << int(Errc::SessionDamaged);
    QTest::newRow("a view without end in place of a table")
        << "DROP TABLE note; CREATE VIEW note AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
           "SELECT x AS id, 'now' AS created_at, 'text' AS text FROM c"
        << int(Errc::SessionDamaged);
    QTest::newRow("a column made by a computation")
        << "DROP TABLE note; CREATE TABLE note (id INTEGER PRIMARY KEY, created_at TEXT, text TEXT AS "
           "(hex(zeroblob(400000000)))); INSERT INTO note(created_at) VALUES ('now')"
        << int(Errc::SessionDamaged);
    QTest::newRow("a trigger") << "CREATE TRIGGER t AFTER INSERT ON note BEGIN DELETE FROM token; END"
                               << int(Errc::SessionDamaged);
    QTest::newRow("a table too many") << "CREATE TABLE more (x)" << int(Errc::SessionDamaged);
    QTest::newRow("cells nested a million deep")
        << "UPDATE property SET json = replace(hex(zeroblob(500000)), '00', '[[')" << int(Errc::SessionDamaged);
    QTest::newRow("a spec is no JSON") << "UPDATE spec SET json = '{'" << int(Errc::SessionDamaged);
    QTest::newRow("a spec has another type")
        << "UPDATE spec SET json = '{\"max_tokens\":\"x\"}'" << int(Errc::SessionDamaged);
    QTest::newRow("candidates are no list") << "UPDATE token SET top_json = '[[1]]'" << int(Errc::SessionDamaged);
}

void TestSession::open_isRefused()
{
    QFETCH(QString, sql);
    QFETCH(int, code);
    {
        auto session = Session::create(file());
        fill(*session.value());
    }
    QFile whole(m_dir->filePath("s.lsdb"));
    QVERIFY(whole.open(QFile::ReadOnly));
    QByteArray bytes = whole.readAll();
    whole.close();
    if (sql == "missing")
        QFile::remove(m_dir->filePath("s.lsdb"));
    else if (sql == "folder")
        QVERIFY(QFile::remove(m_dir->filePath("s.lsdb")) && QDir(m_dir->path()).mkdir("s.lsdb"));
    else if (sql == "empty")
        test::writeFile(file(), "");
    else if (sql == "text")
        test::writeFile(file(), "Dear diary, this is no database.");
    else if (sql == "cut")
        test::writeFile(file(), std::string(bytes.constData(), std::size_t(bytes.size() / 2)));
    else if (sql == "noise") {
        for (int i = 4096; i < bytes.size(); i += 3)
            bytes[i] = char(i * 31);
        test::writeFile(file(), std::string(bytes.constData(), std::size_t(bytes.size())));
    } else {
        QVERIFY(execute(file(), sql.toUtf8().constData()));
    }
    QFile before(m_dir->filePath("s.lsdb"));
    const QByteArray content = before.open(QFile::ReadOnly) ? before.readAll() : QByteArray();
    for (const bool readOnly : {false, true}) {
        const auto session = Session::open(file(), readOnly);
        QVERIFY(!session.ok());
        QCOMPARE(int(session.error().code), code);
        QVERIFY(!session.error().message.empty() && !session.error().hint.empty());
    }
    QFile after(m_dir->filePath("s.lsdb"));
    QCOMPARE(after.open(QFile::ReadOnly) ? after.readAll() : QByteArray(), content); // nothing was repaired away
}

void TestSession::second_openIsToldAndReadOnlyWorks()
{
    auto owner = Session::create(file());
    fill(*owner.value());
    QVERIFY(owner.value()->flush().ok());
    const auto second = Session::open(file());
    QVERIFY(!second.ok());
    QCOMPARE(second.error().code, Errc::SessionLocked);
    QVERIFY(second.error().detail.find(std::to_string(::getpid())) != std::string::npos);
    auto reader = Session::open(file(), true);
    QVERIFY(reader.ok());
    compare(*reader.value(), *owner.value());
    reader.value()->addNote("only in memory");
    owner.value()->addNote("in the file");
    owner.value().reset();
    auto next = Session::open(file());
    QVERIFY(next.ok());
    QCOMPARE(next.value()->notes().back(), std::string("in the file"));
}

void TestSession::lockOfAKilledOwnerDoesNotBlock()
{
    int out = -1;
    const pid_t child = startSelf("--write-for-ever", file(), &out);
    QVERIFY(child > 0);
    std::int64_t line[2];
    QCOMPARE(::read(out, line, sizeof(line)), ssize_t(sizeof(line))); // it owns the file now
    const auto refused = Session::open(file());
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, Errc::SessionLocked);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(out);
    QVERIFY(Session::open(file()).ok());
}

void TestSession::running_becomesInterrupted()
{
    {
        auto session = Session::create(file());
        RunData& run = session.value()->startRun(spec(), model());
        session.value()->record(run, GenerationStarted{1, {"A", "B"}, 2, 0, ""});
        session.value()->record(run, LaneDone{1, "A", "eos", 1, 1, 1});
        ExperimentData& experiment = session.value()->startExperiment("bench", {}, model());
        session.value()->record(experiment, ExperimentRow{1, 0, {{"seconds", 1.5}}});
    }
    for (int opened = 1; opened <= 2; ++opened) { // the second time it is the file that says so
        auto session = Session::open(file());
        QVERIFY(session.ok());
        const RunData& run = *session.value()->latestRun();
        QVERIFY(!run.running);
        QCOMPARE(run.lane("A")->reason, std::string("eos"));
        QCOMPARE(run.lane("B")->reason, std::string("interrupted"));
        QCOMPARE(session.value()->experiments()[0]->state, std::string("interrupted"));
        QCOMPARE(session.value()->experiments()[0]->rows.size(), 1u);
        session.value().reset();
        QCOMPARE(query(file(), "SELECT state FROM experiment"), QString("interrupted"));
        QCOMPARE(query(file(), "SELECT state FROM run"), QString("interrupted"));
    }
}

void TestSession::metric_replacesItsOlderSelf()
{
    auto session = Session::create(file());
    const Metric old{"decode_rate", "A", "tok/s", 10, {}, {}, 1, "live", "x"};
    Metric newer = old, stale = old;
    newer.value = 20;
    stale.specHash = "y";
    session.value()->addMetric(old, 1);
    session.value()->addMetric(stale, 1);
    session.value()->addMetric(newer, 1);
    session.value()->addMetric(old, 2);
    const std::vector<std::pair<std::int64_t, Metric>> expected{{1, newer}, {1, stale}, {2, old}};
    QCOMPARE(session.value()->metrics(), expected);
    session.value().reset();
    QCOMPARE(Session::open(file()).value()->metrics(), expected);
}

void TestSession::diskFull_isToldAndRetried()
{
    QMutex mutex;
    std::vector<Errc> states; // Internal stands for "works again"
    auto session = Session::create(file());
    session.value()->onWriteState([&](const Status& status) {
        const QMutexLocker lock(&mutex);
        states.push_back(status.ok() ? Errc::Internal : status.error().code);
    });
    session.value()->addNote("before");
    QVERIFY(session.value()->flush().ok());

    ::signal(SIGXFSZ, SIG_IGN);
    rlimit old{};
    ::getrlimit(RLIMIT_FSIZE, &old);
    const rlimit small{200'000, old.rlim_max};
    QCOMPARE(::setrlimit(RLIMIT_FSIZE, &small), 0);
    std::mt19937 noise(1);
    for (int i = 0; i < 30; ++i) {
        std::vector<std::uint8_t> bytes(50'000); // noise: does not compress
        for (std::uint8_t& byte : bytes)
            byte = std::uint8_t(noise() >> 8);
        session.value()->putArtefact({"artefact " + std::to_string(i), "x", {}, bytes});
    }
    session.value()->addNote("while it was full");
    const Status full = session.value()->flush();
    QCOMPARE(session.value()->artefacts().size(), 30u); // in memory all is there
    const auto elsewhere = Session::create(file("also-full.lsdb"));
    QCOMPARE(::setrlimit(RLIMIT_FSIZE, &old), 0);
    QVERIFY(!full.ok());
    QVERIFY2(full.error().code == Errc::DiskFull, full.error().detail.c_str());
    QVERIFY2(elsewhere.ok(), "a small file fits under the limit");

    const Status retried = session.value()->flush();
    QVERIFY2(retried.ok(), retried.ok() ? "" : retried.error().detail.c_str());
    session.value().reset();
    const QMutexLocker lock(&mutex);
    QCOMPARE(states, (std::vector<Errc>{Errc::DiskFull, Errc::Internal}));
    auto reopened = Session::open(file());
    QVERIFY(reopened.ok());
    QCOMPARE(reopened.value()->artefacts().size(), 30u);
    QCOMPARE(reopened.value()->notes().back(), std::string("while it was full"));
}

void TestSession::fileThatVanished_isTold()
{
    auto session = Session::create(file());
    session.value()->addNote("one");
    QVERIFY(session.value()->flush().ok());
    QVERIFY(QFile::remove(m_dir->filePath("s.lsdb")));
    session.value()->addNote("two");
    const Status status = session.value()->flush();
    QVERIFY(!status.ok());
    QCOMPARE(status.error().code, Errc::FileNotWritable);
    QVERIFY(session.value()->saveAs(file("other.lsdb")).ok());
    session.value().reset();
    QCOMPARE(Session::open(file("other.lsdb")).value()->notes(), (std::vector<std::string>{"one", "two"}));
}

void TestSession::killedWriter_losesAtMost200ms()
{
    for (int round = 0; round < 10; ++round) {
        const std::string path = file(("kill" + std::to_string(round) + ".lsdb").c_str());
        int out = -1;
        const pid_t child = startSelf("--write-for-ever", path, &out);
        QVERIFY(child > 0);
        std::vector<std::pair<std::int64_t, std::int64_t>> recorded;
        std::int64_t line[2];
        const std::size_t wanted = 150 + std::size_t(round) * 13; // another moment of the batch each time
        while (recorded.size() < wanted && ::read(out, line, sizeof(line)) == ssize_t(sizeof(line)))
            recorded.emplace_back(line[0], line[1]);
        const std::int64_t killedAt = monotonicUs();
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        ::close(out);
        QCOMPARE(recorded.size(), wanted);

        QCOMPARE(query(path, "PRAGMA integrity_check"), QString("ok"));
        auto session = Session::open(path);
        QVERIFY(session.ok());
        const auto& tokens = session.value()->latestRun()->lane("A")->tokens;
        int older = 0;
        for (const auto& [position, at] : recorded)
            if (at < killedAt - 200'000) {
                ++older;
                QVERIFY2(position < std::int64_t(tokens.size()), "a token shown more than 200 ms before is missing");
            }
        QVERIFY2(older > 20, "the test looked at nothing");
        QCOMPARE(tokens[0].id, 1000);
    }
}

void TestSession::closed_isASingleFile()
{
    {
        auto session = Session::create(file());
        fill(*session.value());
    }
    QCOMPARE(QDir(m_dir->path()).entryList(QDir::Files | QDir::Hidden), QStringList{"s.lsdb"});
    QCOMPARE(query(file(), "PRAGMA journal_mode"), QString("delete"));
    QCOMPARE(query(file(), "PRAGMA foreign_key_check"), QString()); // every reference leads somewhere
    QVERIFY(query(file(), "SELECT group_concat(encoding) FROM (SELECT DISTINCT encoding FROM tap ORDER BY 1)") ==
            "raw,zstd");
}

int main(int argc, char** argv)
{
    if (argc == 3 && std::string_view(argv[1]) == "--write-for-ever")
        return writeForEver(argv[2]);
    QCoreApplication app(argc, argv);
    TestSession test;
    return QTest::qExec(&test, argc, argv);
}
#include "tst_session.moc"
