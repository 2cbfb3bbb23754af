#include "core/data/vector_writer.h"
#include "core/data/whole_file.h"

#include <nlohmann/json.hpp>

#include <QCryptographicHash>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

using namespace ls;

/// Vector files byte for byte, and what happens when they cannot be written.
class TestVectorWriter : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void controlVector_equalsTheByteOracle();
    void controlVector_refusesWhatReadersRefuse_data();
    void controlVector_refusesWhatReadersRefuse();
    void safetensors_headerAndBytesAreAsTheFormatSays();
    void safetensors_emptyListIsAFile();
    void safetensors_refusesLies_data();
    void safetensors_refusesLies();
    void failure_keepsTheOldFileAndLeavesNoOther();
    void fullDisk_isSaidSo();
    void link_staysAndItsTargetIsReplaced();
    void pipeAndDevice_areWrittenInto();

private:
    std::string path(const char* name) const { return m_folder.filePath(name).toStdString(); }
    QByteArray content(const char* name) const
    {
        QFile file(m_folder.filePath(name));
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    QTemporaryDir m_folder;
};

using Directions = QMap<int, QVector<float>>;
using Tensors = std::vector<std::pair<std::string, TensorBlob>>;
Q_DECLARE_METATYPE(Tensors)

/// ../shared/methods/steering-toolbox.md section 12: this file as gguf-py writes it has 320 bytes and this hash.
void TestVectorWriter::controlVector_equalsTheByteOracle()
{
    const auto status = writeControlVector(path("oracle.gguf"), "llama", {{2, {0, -0.5f, 0, 2}}, {1, {1, 0, 0, 0}}});
    QVERIFY(status.ok());
    const QByteArray bytes = content("oracle.gguf");
    QCOMPARE(int(bytes.size()), 320);
    QCOMPARE(QCryptographicHash::hash(bytes, QCryptographicHash::Sha256).toHex(),
             QByteArray("cbda533ed81afea2f0f97dbd41598799fce424b2a50f2990b0319c72905539f1"));
}

void TestVectorWriter::controlVector_refusesWhatReadersRefuse_data()
{
    QTest::addColumn<Directions>("directions");
    QTest::newRow("no direction") << Directions{};
    QTest::newRow("layer 0") << Directions{{0, {1, 2}}};
    QTest::newRow("different widths") << Directions{{1, {1, 2}}, {2, {1}}};
    QTest::newRow("no width") << Directions{{1, {}}};
}

void TestVectorWriter::controlVector_refusesWhatReadersRefuse()
{
    QFETCH(Directions, directions);
    std::map<int, std::vector<float>> plain;
    for (auto it = directions.begin(); it != directions.end(); ++it)
        plain[it.key()] = {it.value().begin(), it.value().end()};
    const auto status = writeControlVector(path("refused.gguf"), "llama", plain);
    QVERIFY(!status.ok());
    QVERIFY(status.error().code == Errc::InvalidParameter);
    QVERIFY(!QFile::exists(m_folder.filePath("refused.gguf")));
}

void TestVectorWriter::safetensors_headerAndBytesAreAsTheFormatSays()
{
    const std::array<float, 4> floats{1, -2, 3.5f, 0};
    const std::array<std::int32_t, 2> ints{7, -1};
    const auto status = writeSafetensors(path("three.safetensors"),
                                         {{"z", TensorBlob::fromFloats({2, 2}, floats)},
                                          {"a", TensorBlob::fromInts({2}, ints)},
                                          {"flags", TensorBlob{"u8", {3}, {1, 0, 255}}},
                                          {"scalar", TensorBlob::fromFloats({}, std::span(floats).first(1))},
                                          {"none", TensorBlob::fromFloats({0, 5}, {})}},
                                         {{"unit", "rho"}});
    QVERIFY(status.ok());
    const QByteArray bytes = content("three.safetensors");
    std::uint64_t length = 0;
    QVERIFY(bytes.size() > 8);
    std::memcpy(&length, bytes.constData(), 8);
    QCOMPARE(length % 8, std::uint64_t(0));
    const auto header = nlohmann::ordered_json::parse(bytes.mid(8, int(length)).toStdString());
    QCOMPARE(header, nlohmann::ordered_json::parse(R"({"__metadata__": {"unit": "rho"},
        "z": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "a": {"dtype": "I32", "shape": [2], "data_offsets": [16, 24]},
        "flags": {"dtype": "U8", "shape": [3], "data_offsets": [24, 27]},
        "scalar": {"dtype": "F32", "shape": [], "data_offsets": [27, 31]},
        "none": {"dtype": "F32", "shape": [0, 5], "data_offsets": [31, 31]}})"));
    const QByteArray data = bytes.mid(8 + int(length));
    QCOMPARE(int(data.size()), 31);
    QCOMPARE(std::memcmp(data.constData(), floats.data(), 16), 0);
    QCOMPARE(std::memcmp(data.constData() + 16, ints.data(), 8), 0);
    QCOMPARE(data.mid(24, 3), QByteArray("\x01\x00\xff", 3));
}

void TestVectorWriter::safetensors_emptyListIsAFile()
{
    QVERIFY(writeSafetensors(path("empty.safetensors"), {}).ok());
    QCOMPARE(content("empty.safetensors"), QByteArray("\x08\0\0\0\0\0\0\0{}      ", 16));
}

void TestVectorWriter::safetensors_refusesLies_data()
{
    const TensorBlob one{"u8", {1}, {1}};
    QTest::addColumn<Tensors>("tensors");
    QTest::newRow("fewer bytes than the shape") << Tensors{{"a", TensorBlob{"f32", {2}, {0, 0, 0, 0}}}};
    QTest::newRow("unknown type") << Tensors{{"a", TensorBlob{"f16", {1}, {0, 0}}}};
    QTest::newRow("negative extent") << Tensors{{"a", TensorBlob{"u8", {-1}, {}}}};
    QTest::newRow("a product that overflows") << Tensors{{"a", TensorBlob{"u8", {std::int64_t(1) << 62, 4}, {}}}};
    QTest::newRow("the same name twice") << Tensors{{"a", one}, {"a", one}};
    QTest::newRow("the name of the metadata") << Tensors{{"__metadata__", one}};
}

void TestVectorWriter::safetensors_refusesLies()
{
    QFETCH(Tensors, tensors);
    const auto status = writeSafetensors(path("lie.safetensors"), tensors);
    QVERIFY(!status.ok());
    QVERIFY(status.error().code == Errc::InvalidParameter);
}

void TestVectorWriter::failure_keepsTheOldFileAndLeavesNoOther()
{
    QTemporaryDir folder;
    const QString target = folder.filePath("target"); // a folder: rename over it fails after everything was written
    QVERIFY(QDir(folder.path()).mkpath("target/inner"));
    const auto status = writeSafetensors(target.toStdString(), {});
    QVERIFY(!status.ok());
    QVERIFY(status.error().code == Errc::FileNotWritable);
    QCOMPARE(QDir(folder.path()).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot),
             QStringList("target"));

    const auto missing = writeSafetensors(folder.filePath("no/such/folder/f").toStdString(), {});
    QVERIFY(!missing.ok());
    QVERIFY(missing.error().code == Errc::FileNotWritable);
    QVERIFY(!missing.error().hint.empty());
}

/// A file system of 64 KiB, mounted in a child's own name space: nobody else sees it.
void TestVectorWriter::fullDisk_isSaidSo()
{
    const QByteArray mountPoint = m_folder.path().toUtf8();
    constexpr int kNoNamespace = 10, kWrongResult = 11, kFileLeft = 12;
    const pid_t child = ::fork();
    QVERIFY(child >= 0);
    if (child == 0) {
        const bool mounted = (::unshare(CLONE_NEWNS) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
                             ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                             ::mount("tmpfs", mountPoint.constData(), "tmpfs", 0, "size=64k") == 0;
        if (!mounted)
            ::_exit(kNoNamespace);
        const std::vector<float> values(1 << 16, 1.0f);
        const auto status =
            writeSafetensors((mountPoint + "/f").toStdString(), {{"a", TensorBlob::fromFloats({1 << 16}, values)}});
        if (status.ok() || status.error().code != Errc::DiskFull)
            ::_exit(kWrongResult);
        ::_exit(QDir(mountPoint).isEmpty() ? 0 : kFileLeft);
    }
    int result = 0;
    QCOMPARE(::waitpid(child, &result, 0), child);
    QVERIFY(WIFEXITED(result));
    if (WEXITSTATUS(result) == kNoNamespace)
        QSKIP("a small file system cannot be mounted here");
    QCOMPARE(WEXITSTATUS(result), 0);
}

void TestVectorWriter::link_staysAndItsTargetIsReplaced()
{
    const std::string target = path("target"), link = path("link");
    QVERIFY(writeWholeFile(target, "old").ok());
    QVERIFY(::chmod(target.c_str(), 0600) == 0);
    QVERIFY(::symlink(target.c_str(), link.c_str()) == 0);
    QVERIFY(writeWholeFile(link, "new").ok());
    struct stat status {};
    QVERIFY(::lstat(link.c_str(), &status) == 0 && S_ISLNK(status.st_mode));
    QVERIFY(::stat(target.c_str(), &status) == 0);
    QCOMPARE(status.st_mode & 0777, mode_t(0600));
    QCOMPARE(content("target"), QByteArray("new"));
}

void TestVectorWriter::pipeAndDevice_areWrittenInto()
{
    const std::string pipe = path("pipe");
    QVERIFY(::mkfifo(pipe.c_str(), 0600) == 0);
    const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
    QVERIFY(reader >= 0);
    QVERIFY(writeWholeFile(pipe, "through").ok());
    char bytes[16];
    QCOMPARE(::read(reader, bytes, sizeof bytes), ssize_t(7));
    ::close(reader);
    struct stat status {};
    QVERIFY(::lstat(pipe.c_str(), &status) == 0 && S_ISFIFO(status.st_mode));
    const Status full = writeWholeFile("/dev/full", "lost");
    QVERIFY(!full.ok());
    QCOMPARE(full.error().code, Errc::DiskFull);
    QVERIFY(::stat("/dev/full", &status) == 0 && S_ISCHR(status.st_mode));
}

QTEST_GUILESS_MAIN(TestVectorWriter)
#include "tst_vector_writer.moc"
