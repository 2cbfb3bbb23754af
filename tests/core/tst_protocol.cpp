#include "core/protocol/codec.h"
#include "core/protocol/framing.h"

#include <QtTest>

using namespace ls;

/// Messages survive the wire; damaged bytes become errors, never crashes or allocations.
class TestProtocol : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void message_survivesTheWire();
    void chats_keepTheOrderOfKeys();
    void tensor_withALyingShapeIsRefused();
    void damage_isAnError_data();
    void damage_isAnError();
    void frames_areReassembledFromAnyPieces();
    void frame_overTheLimitIsRefusedBeforeAllocation();
};

void TestProtocol::message_survivesTheWire()
{
    Generate generate;
    generate.requestId = 7;
    generate.prompt.text = "Zürich 東京";
    generate.lanes = {{"A", {}}, {"B", {{"layer_skip", {{"blocks", {2, 3}}}}}}};
    generate.probes = {"logit_lens"};
    generate.sampler = {0.7, 0.9, 18446744073709551615ull};
    const auto back = decodeClientMessage(encode(ClientMessage(generate)));
    QVERIFY(back.ok());
    QCOMPARE(std::get<Generate>(back.value()), generate);

    const std::vector<float> values{1.5f, -2.0f, 0.0f};
    const Tap tap{3, "B", 12, "resid_norm", TensorBlob::fromFloats({3}, values), {"a", "b"}};
    const auto event = decodeEngineMessage(encode(EngineMessage(tap)));
    QVERIFY(event.ok());
    QCOMPARE(std::get<Tap>(event.value()), tap);
    QCOMPARE(std::get<Tap>(event.value()).value.floats(), values);
    QCOMPARE(requestIdOf(event.value()), 3u);

    LaneStages since{1234, {25, {}}, {7, {}}, 99};
    std::int64_t value = 1'000'000'000'000; // each another one, so that none can be taken for its neighbour
    for (const NamedStage& stage : kStages) {
        since.prefill.ns.*stage.stage = ++value;
        since.decode.ns.*stage.stage = ++value;
    }
    const Stages stages{4, "B", since};
    const auto times = decodeEngineMessage(encode(EngineMessage(stages)));
    QVERIFY(times.ok());
    QCOMPARE(std::get<Stages>(times.value()), stages);
    QCOMPARE(requestIdOf(times.value()), 4u);
}

/// A template may write a map into the prompt: another order is another prompt.
void TestProtocol::chats_keepTheOrderOfKeys()
{
    const char* const context = R"({"z":1,"a":{"role":"user","content":"Zürich"}})";
    RenderChat render;
    render.contexts.push_back(nlohmann::ordered_json::parse(context));
    auto back = decodeClientMessage(encode(ClientMessage(render)));
    QVERIFY(back.ok());
    QCOMPARE(std::get<RenderChat>(back.value()).contexts[0].dump(), std::string(context));

    const auto deep = [&](int levels) {
        nlohmann::ordered_json list = 1;
        for (int i = 0; i < levels; ++i)
            list = nlohmann::ordered_json::array({std::move(list)});
        render.contexts = nlohmann::ordered_json::array({std::move(list)});
        return decodeClientMessage(encode(ClientMessage(render))).ok();
    };
    QVERIFY(deep(400));
    QVERIFY(!deep(600)); // values are copied recursively
}

void TestProtocol::tensor_withALyingShapeIsRefused()
{
    const std::vector<float> values{1.0f, 2.0f};
    Tensor tensor{1, "x", TensorBlob::fromFloats({2}, values)};
    tensor.value.shape = {std::int64_t(1) << 40, std::int64_t(1) << 40};
    QVERIFY(!decodeEngineMessage(encode(EngineMessage(tensor))).ok());
    tensor.value.shape = {3};
    const auto result = decodeEngineMessage(encode(EngineMessage(tensor)));
    QVERIFY(!result.ok());
    QCOMPARE(result.error().code, Errc::ProtocolMessage);
}

void TestProtocol::damage_isAnError_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("text") << QByteArray("hello, this is a log line");
    QTest::newRow("a number") << QByteArray("\x01", 1);
    const auto whole = encode(ClientMessage(Hello{}));
    QTest::newRow("cut in the middle") << QByteArray(reinterpret_cast<const char*>(whole.data()),
                                                     int(whole.size() / 2));
    const auto unknown = nlohmann::json::to_cbor({{"type", "frobnicate"}});
    QTest::newRow("unknown type") << QByteArray(reinterpret_cast<const char*>(unknown.data()), int(unknown.size()));
    const auto wrong = nlohmann::json::to_cbor({{"type", "hello"}, {"version", "one"}});
    QTest::newRow("field of another type")
        << QByteArray(reinterpret_cast<const char*>(wrong.data()), int(wrong.size()));
}

void TestProtocol::damage_isAnError()
{
    QFETCH(QByteArray, bytes);
    const auto result =
        decodeClientMessage({reinterpret_cast<const std::uint8_t*>(bytes.data()), std::size_t(bytes.size())});
    QVERIFY(!result.ok());
    QCOMPARE(result.error().code, Errc::ProtocolMessage);
    QVERIFY(!result.error().hint.empty());
}

void TestProtocol::frames_areReassembledFromAnyPieces()
{
    std::vector<std::uint8_t> stream;
    for (std::uint32_t id = 1; id <= 3; ++id) {
        const auto framed = frame(encode(ClientMessage(Cancel{id, id + 10})));
        stream.insert(stream.end(), framed.begin(), framed.end());
    }
    for (const std::size_t piece : {1u, 2u, 3u, 7u, 1000u}) {
        FrameReader reader;
        std::vector<std::uint32_t> targets;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            reader.append(std::span(stream).subspan(at, std::min(piece, stream.size() - at)));
            while (true) {
                auto payload = reader.next();
                QVERIFY(payload.ok());
                if (!payload.value())
                    break;
                auto message = decodeClientMessage(*payload.value());
                QVERIFY(message.ok());
                targets.push_back(std::get<Cancel>(message.value()).target);
            }
        }
        QCOMPARE(targets, (std::vector<std::uint32_t>{11, 12, 13}));
    }
}

void TestProtocol::frame_overTheLimitIsRefusedBeforeAllocation()
{
    FrameReader reader;
    const std::vector<std::uint8_t> length{0xff, 0xff, 0xff, 0xff};
    reader.append(length);
    QVERIFY(!reader.next().ok());
}

QTEST_GUILESS_MAIN(TestProtocol)
#include "tst_protocol.moc"
