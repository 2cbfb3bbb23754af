#include "kernels/cuda/module/abi.h"
#include "kernels/cuda/module/decoder.h"
#include "kernels/emu/emu_device.h"

#include <QtTest>

#include "tests/kernels/device/decoder_cases.h"

using namespace ls::test;
using ls::cuda::Decoder;

#define FINE(expression)                                                                                               \
    do {                                                                                                               \
        const std::string problem = (expression);                                                                      \
        QVERIFY2(problem.empty(), problem.c_str());                                                                    \
    } while (false)

/// The whole decode step of kernels/cuda/module in the emulator, against a forward pass on kernels/cpu.
class TestEmuDecoder : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void step_equalsTheCpu_data();
    void step_equalsTheCpu();
    void severalTokens_equalOneByOne();
    void prompt_equalsOneByOne_data();
    void prompt_equalsOneByOne();
    void plans_changeTheStep_data();
    void plans_changeTheStep();
    void skippedLayers_keepTheirRows();
    void step_isRecordedOncePerBucket();
    void generate_equalsFeedingTheTokens_data();
    void generate_equalsFeedingTheTokens();
    void taps_areTheStream();
    void restart_forgetsTheSequence();
    void sequences_areApart();
    void truncate_goesBack();
    void windowOverAGap_isRefused();
    void allLogits_areThoseOfEveryToken_data();
    void allLogits_areThoseOfEveryToken();
    void problems_areTold();
    void cInterface_isTheDecoder();
    void casesOfTheDevice_hold_data();
    void casesOfTheDevice_hold();
};

namespace {

/// Largest difference relative to the largest magnitude; infinite for NaN.
double relativeError(const std::vector<float>& expected, const std::vector<float>& actual)
{
    double peak = 0, worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        peak = std::max(peak, std::abs(double(expected[i])));
        const double d = std::abs(double(expected[i]) - actual[i]);
        worst = d <= worst ? worst : std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
    }
    return expected.size() == actual.size() ? worst / peak : std::numeric_limits<double>::infinity();
}

/// Roundings to 15 bits fall otherwise where a sum has another order.
constexpr double kTolerance = 5e-4;

struct Running {
    explicit Running(TinyModel& model)
        : m_model(model)
        , m_decoder(m_device)
    {
        m_problem = m_decoder.load(model.description);
        int sequence = -1;
        if (m_problem.empty())
            m_problem = m_decoder.addSequence(model.s.capacity, sequence);
        if (m_problem.empty())
            m_problem = m_decoder.addPlan({}, m_dense);
    }
    std::vector<float> logits()
    {
        std::vector<float> out(std::size_t(m_model.s.vocabulary));
        m_problem = m_decoder.logits(out);
        return out;
    }
    TinyModel& m_model;
    ls::emu::EmuDevice m_device;
    Decoder m_decoder;
    std::string m_problem;
    int m_dense = -1;
};

std::vector<std::int32_t> someTokens(int count)
{
    std::vector<std::int32_t> out;
    for (int i = 0; i < count; ++i)
        out.push_back((i * 37 + 11) % 131);
    return out;
}

} // namespace

void TestEmuDecoder::step_equalsTheCpu_data()
{
    QTest::addColumn<TinyShape>("shape");
    TinyShape shape;
    QTest::newRow("gated, mixed formats") << shape;
    shape.postNorms = shape.headNorms = shape.caps = shape.tied = shape.scales = true;
    shape.gate = Gate::GeluTanh;
    shape.windowOfLayer1 = 3;
    shape.cache = CacheType::BF16;
    QTest::newRow("norms everywhere, caps, scales, a window, tied embedding") << shape;
    shape = {};
    shape.gated = false;
    shape.biases = shape.scales = true;
    shape.turned = 12;
    shape.gate = Gate::Gelu;
    shape.cache = CacheType::F32;
    QTest::newRow("no gate, biases, a part of the head turns") << shape;
}

void TestEmuDecoder::step_equalsTheCpu()
{
    QFETCH(TinyShape, shape);
    TinyModel model(shape);
    Running run(model);
    FINE(run.m_problem);
    for (const std::int32_t token : someTokens(4)) {
        const auto expected = model.step(token);
        FINE(run.m_decoder.run(run.m_dense, {&token, 1}));
        const double error = relativeError(expected, run.logits());
        QVERIFY2(error < (shape.cache == CacheType::BF16 ? 4 : 1) * kTolerance, qPrintable(QString::number(error)));
        std::int32_t drawn = -1;
        FINE(run.m_decoder.drawn({&drawn, 1}));
        QCOMPARE(drawn, std::int32_t(std::max_element(expected.begin(), expected.end()) - expected.begin()));
    }
    QCOMPARE(run.m_decoder.recordings(), 1);
    QCOMPARE(run.m_decoder.length(), 4);
}

void TestEmuDecoder::severalTokens_equalOneByOne()
{
    TinyModel model({});
    Running run(model);
    FINE(run.m_problem);
    const auto tokens = someTokens(12);
    FINE(run.m_decoder.run(run.m_dense, {tokens.data(), 3}));
    FINE(run.m_decoder.run(run.m_dense, {tokens.data() + 3, 1}));
    FINE(run.m_decoder.run(run.m_dense, {tokens.data() + 4, 8}));
    std::vector<float> expected;
    for (const std::int32_t token : tokens)
        expected = model.step(token);
    QVERIFY(relativeError(expected, run.logits()) < kTolerance);
}

void TestEmuDecoder::prompt_equalsOneByOne_data()
{
    QTest::addColumn<int>("count");
    QTest::addColumn<bool>("other");
    QTest::addColumn<double>("tolerance");
    // Prompts multiply with inputs that are not rounded to 15 bits; in float32 the two must agree closely.
    QTest::newRow("nine tokens") << 9 << false << 1e-2;
    QTest::newRow("nine tokens in float32") << 9 << false << 2e-5;
    QTest::newRow("forty tokens, norms, window, biases") << 40 << true << 1e-2;
    QTest::newRow("the same in float32") << 40 << true << 2e-5;
    QTest::newRow("two chunks in float32") << 260 << false << 2e-5;
}

void TestEmuDecoder::prompt_equalsOneByOne()
{
    QFETCH(int, count);
    QFETCH(bool, other);
    QFETCH(double, tolerance);
    TinyShape shape;
    if (tolerance < 1e-3) {
        shape.floats = true;
        shape.cache = CacheType::F32;
    }
    shape.layers = count > 100 ? 1 : 3;
    if (other) {
        shape.postNorms = shape.headNorms = shape.biases = shape.caps = shape.scales = true;
        shape.windowOfLayer1 = 7;
    }
    TinyModel model(shape);
    Running run(model);
    FINE(run.m_problem);
    const auto tokens = someTokens(count);
    FINE(run.m_decoder.run(run.m_dense, tokens));
    std::vector<float> expected;
    for (const std::int32_t token : tokens)
        expected = model.step(token);
    const double error = relativeError(expected, run.logits());
    QVERIFY2(error < tolerance, qPrintable(QString::number(error)));
    const std::int32_t next = 5;
    FINE(run.m_decoder.run(run.m_dense, {&next, 1})); // the cache is that of single steps
    QVERIFY(relativeError(model.step(next), run.logits()) < tolerance);
}

void TestEmuDecoder::plans_changeTheStep_data()
{
    QTest::addColumn<QString>("what");
    for (const char* what : {"skip", "window", "steer", "remove", "everything"})
        QTest::newRow(what) << QString::fromLatin1(what);
}

void TestEmuDecoder::plans_changeTheStep()
{
    QFETCH(QString, what);
    const bool all = what == QLatin1String("everything");
    TinyModel model({});
    Running run(model);
    FINE(run.m_problem);
    const std::uint8_t attentionRuns[] = {1, 0, 1}, mlpRuns[] = {1, 1, 0};
    const int sinks[] = {1, 0, 2}, windows[] = {3, 2, 0};
    auto vector = normalValues(256, 5), unit = normalValues(256, 6);
    for (float& value : unit)
        value /= 16;
    for (float& value : vector)
        value *= 3000; // the stream of random weights is large
    const LsCudaEdit edits[] = {{0, 0, vector.data(), 3, 5}, {1, 1, unit.data(), 0, 0}};
    LsCudaPlan plan{};
    if (all || what == QLatin1String("skip")) {
        plan.attentionRuns = attentionRuns;
        plan.mlpRuns = mlpRuns;
    }
    if (all || what == QLatin1String("window")) {
        plan.sinks = sinks;
        plan.windows = windows;
    }
    if (all || what == QLatin1String("steer") || what == QLatin1String("remove")) {
        plan.edits = what == QLatin1String("remove") ? edits + 1 : edits;
        plan.editCount = all ? 2 : 1;
    }
    int number = -1;
    FINE(run.m_decoder.addPlan(plan, number));
    const auto tokens = someTokens(6);
    std::vector<std::vector<float>> with;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool on = i >= 2; // switched on between tokens
        const auto expected = model.step(tokens[i], on ? plan : LsCudaPlan());
        FINE(run.m_decoder.run(on ? number : run.m_dense, {&tokens[i], 1}));
        with.push_back(run.logits());
        const double error = relativeError(expected, with.back());
        QVERIFY2(error < kTolerance, qPrintable(QString::number(error)));
    }
    model.restart();
    double changed = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i)
        changed = std::max(changed, relativeError(model.step(tokens[i]), with[i]));
    QVERIFY2(changed > 5 * kTolerance, qPrintable(QString::number(changed))); // else the rest proves nothing
}

void TestEmuDecoder::skippedLayers_keepTheirRows()
{
    TinyModel model({});
    Running run(model);
    const std::uint8_t attentionRuns[] = {1, 0, 1};
    LsCudaPlan plan{};
    plan.attentionRuns = attentionRuns;
    int number = -1;
    FINE(run.m_decoder.addPlan(plan, number));
    const auto tokens = someTokens(5);
    FINE(run.m_decoder.run(run.m_dense, {tokens.data(), 2}));
    FINE(run.m_decoder.run(number, {tokens.data() + 2, 3}));
    QCOMPARE(run.m_decoder.rowsOf(0), 5);
    QCOMPARE(run.m_decoder.rowsOf(1), 2);
    QCOMPARE(run.m_decoder.length(), 5);
    for (std::size_t i = 0; i < tokens.size(); ++i) // and back: the layer goes on where its rows end
        model.step(tokens[i], i < 2 ? LsCudaPlan() : plan);
    const std::int32_t next = 9;
    FINE(run.m_decoder.run(run.m_dense, {&next, 1}));
    QVERIFY(relativeError(model.step(next), run.logits()) < kTolerance);
    QCOMPARE(run.m_decoder.rowsOf(1), 3);
}

void TestEmuDecoder::step_isRecordedOncePerBucket()
{
    TinyShape shape;
    shape.layers = 1;
    TinyModel model(shape);
    Running run(model);
    const auto tokens = someTokens(254);
    FINE(run.m_decoder.run(run.m_dense, tokens)); // a prompt records nothing
    QCOMPARE(run.m_decoder.recordings(), 0);
    for (const std::int32_t token : tokens)
        model.step(token);
    for (int i = 0; i < 5; ++i) { // 255 to 259: past the bucket of 256
        const std::int32_t token = 3 + i;
        FINE(run.m_decoder.run(run.m_dense, {&token, 1}));
        QVERIFY(relativeError(model.step(token), run.logits()) < kTolerance);
        QCOMPARE(run.m_decoder.recordings(), i < 2 ? 1 : 2);
    }
    FINE(run.m_decoder.setSampling({0.5f, 10, 0.9f, 1}));
    const std::int32_t token = 1;
    FINE(run.m_decoder.run(run.m_dense, {&token, 1}));
    QCOMPARE(run.m_decoder.recordings(), 3); // draws another way
    QCOMPARE(ls::cuda::bucketFor(1, 5000), std::int64_t(256));
    QCOMPARE(ls::cuda::bucketFor(257, 5000), std::int64_t(512));
    QCOMPARE(ls::cuda::bucketFor(4097, 5000), std::int64_t(5000));
    QCOMPARE(ls::cuda::bucketFor(10, 100), std::int64_t(100));
}

void TestEmuDecoder::generate_equalsFeedingTheTokens_data()
{
    QTest::addColumn<float>("temperature");
    QTest::newRow("greedy") << 0.0f;
    QTest::newRow("drawn") << 1.0f;
}

void TestEmuDecoder::generate_equalsFeedingTheTokens()
{
    QFETCH(float, temperature);
    TinyModel model({});
    Running alone(model), fed(model);
    for (Running* run : {&alone, &fed}) {
        FINE(run->m_decoder.setSampling({temperature, 20, 0.95f, 99}));
        FINE(run->m_decoder.run(run->m_dense, someTokens(3)));
    }
    FINE(alone.m_decoder.generate(alone.m_dense, 4));
    std::vector<std::int32_t> tokens(5);
    FINE(alone.m_decoder.drawn(tokens));
    for (std::size_t i = 0; i < 4; ++i)
        FINE(fed.m_decoder.run(fed.m_dense, {&tokens[i], 1}));
    QCOMPARE(fed.logits(), alone.logits());
    std::vector<std::int32_t> again(5);
    FINE(fed.m_decoder.drawn(again));
    QCOMPARE(again, tokens);
}

void TestEmuDecoder::taps_areTheStream()
{
    TinyModel model({});
    Running run(model);
    const auto directions = normalValues(512, 7);
    const LsCudaTap taps[] = {{0, 0, nullptr, 0}, {2, 2, directions.data(), 2}, {1, 1, nullptr, 0}};
    LsCudaPlan plan{};
    plan.taps = taps;
    plan.tapCount = 3;
    int number = -1;
    FINE(run.m_decoder.addPlan(plan, number));
    std::vector<std::uint8_t> bytes(std::size_t(run.m_decoder.tapBytes(number)));
    std::int64_t step = -1;
    QVERIFY(!run.m_decoder.readTaps(number, step, bytes).empty()); // nothing ran yet
    for (int i = 0; i < 20; ++i) {                                 // more than the ring has slots
        const std::int32_t token = (7 * i) % 131;
        const auto logits = model.step(token);
        FINE(run.m_decoder.run(number, {&token, 1}));
        FINE(run.m_decoder.readTaps(number, step, bytes));
        QCOMPARE(step, std::int64_t(i));
        QVERIFY(relativeError(logits, run.logits()) < kTolerance); // taps change nothing
        std::vector<float> rows(256), reduced(3), rounded;
        std::memcpy(rows.data(), bytes.data() + run.m_decoder.tapOffset(number, 0), 1024);
        std::memcpy(reduced.data(), bytes.data() + run.m_decoder.tapOffset(number, 1), 12);
        for (int c = 0; c < 256; ++c) {
            std::uint16_t bits = 0;
            std::memcpy(&bits, bytes.data() + run.m_decoder.tapOffset(number, 2) + 2 * c, 2);
            rounded.push_back(bfloatToFloat(bits));
        }
        QVERIFY(relativeError(model.streams[0], rows) < kTolerance);
        QVERIFY(relativeError(model.streams[1], rounded) < 0.005);
        double norm = 0, product = 0;
        for (std::size_t c = 0; c < 256; ++c) {
            norm += double(model.streams[2][c]) * model.streams[2][c];
            product += double(model.streams[2][c]) * directions[256 + c];
        }
        QVERIFY(std::abs(reduced[0] - std::sqrt(norm)) < 1e-3 * std::sqrt(norm));
        QVERIFY(std::abs(reduced[2] - product) < 1e-2 * std::sqrt(norm));
    }
    const std::int32_t token = 1;
    FINE(run.m_decoder.run(run.m_dense, {&token, 1}));
    QVERIFY(!run.m_decoder.readTaps(number, step, bytes).empty()); // another plan made the last step
}

void TestEmuDecoder::restart_forgetsTheSequence()
{
    TinyModel model({});
    Running run(model);
    const auto tokens = someTokens(4);
    FINE(run.m_decoder.run(run.m_dense, tokens));
    const auto first = run.logits();
    FINE(run.m_decoder.run(run.m_dense, tokens));
    QVERIFY(relativeError(first, run.logits()) > kTolerance);
    FINE(run.m_decoder.restart());
    FINE(run.m_decoder.run(run.m_dense, tokens));
    QCOMPARE(run.logits(), first);
    QCOMPARE(run.m_decoder.recordings(), 1);
}

/// Interleaved, each as if it were alone; a copy goes on where the other is, and neither sees the other's tokens.
void TestEmuDecoder::sequences_areApart()
{
    TinyModel model({});
    Running run(model), alone(model);
    const auto tokens = someTokens(6);
    const std::int32_t others[] = {50, 60, 70, 80, 90, 100};
    int second = -1, copy = -1;
    FINE(run.m_decoder.addSequence(20, second));
    for (std::size_t i = 0; i < 6; ++i) {
        FINE(run.m_decoder.select(0));
        FINE(run.m_decoder.run(run.m_dense, {&tokens[i], 1}));
        const auto logits = run.logits();
        FINE(run.m_decoder.select(second));
        FINE(run.m_decoder.run(run.m_dense, {&others[i], 1}));
        FINE(alone.m_decoder.run(alone.m_dense, {&tokens[i], 1}));
        QCOMPARE(logits, alone.logits());
    }
    FINE(run.m_decoder.copySequence(0, copy));
    QCOMPARE(run.m_decoder.length(), 6);
    std::vector<std::int32_t> drawn(6);
    FINE(run.m_decoder.drawn(drawn));
    FINE(run.m_decoder.removeSequence(0));
    FINE(run.m_decoder.select(copy));
    FINE(run.m_decoder.generate(run.m_dense, 2));
    FINE(alone.m_decoder.generate(alone.m_dense, 2));
    QCOMPARE(run.logits(), alone.logits());
    QVERIFY(!run.m_decoder.select(0).empty());
    FINE(run.m_decoder.removeSequence(copy));
    QCOMPARE(run.m_decoder.run(run.m_dense, tokens), "no sequence is selected");
}

/// Also in layers that skipped some of the tokens.
void TestEmuDecoder::truncate_goesBack()
{
    TinyModel model({});
    Running run(model), straight(model);
    const std::uint8_t attentionRuns[] = {1, 0, 1};
    LsCudaPlan plan{};
    plan.attentionRuns = attentionRuns;
    int skipping = -1, other = -1;
    FINE(run.m_decoder.addPlan(plan, skipping));
    FINE(straight.m_decoder.addPlan(plan, other));
    const auto tokens = someTokens(9);
    for (Running* r : {&run, &straight}) {
        FINE(r->m_decoder.run(r->m_dense, {tokens.data(), 3}));
        FINE(r->m_decoder.run(skipping, {tokens.data() + 3, 2}));
    }
    FINE(run.m_decoder.run(run.m_dense, {tokens.data() + 2, 4}));
    FINE(run.m_decoder.truncate(5));
    QCOMPARE(run.m_decoder.length(), 5);
    QCOMPARE(run.m_decoder.rowsOf(1), 3);
    QCOMPARE(run.m_decoder.generate(run.m_dense, 1), "nothing was drawn yet");
    for (Running* r : {&run, &straight})
        FINE(r->m_decoder.run(r->m_dense, {tokens.data() + 5, 1}));
    QCOMPARE(run.logits(), straight.logits());
    FINE(run.m_decoder.truncate(4));
    QCOMPARE(run.m_decoder.rowsOf(1), 3);
    QCOMPARE(run.m_decoder.rowsOf(0), 4);
}

/// The module counts rows, a window counts positions: they part once the window hides something.
void TestEmuDecoder::windowOverAGap_isRefused()
{
    TinyShape shape;
    shape.windowOfLayer1 = 5;
    TinyModel model(shape);
    Running run(model);
    const std::uint8_t attentionRuns[] = {1, 0, 1};
    LsCudaPlan plan{};
    plan.attentionRuns = attentionRuns;
    int skipping = -1;
    FINE(run.m_decoder.addPlan(plan, skipping));
    const auto tokens = someTokens(7);
    FINE(run.m_decoder.run(run.m_dense, {tokens.data(), 2}));
    FINE(run.m_decoder.run(skipping, {tokens.data() + 2, 1}));
    FINE(run.m_decoder.run(run.m_dense, {tokens.data() + 3, 2})); // five positions: nothing is hidden yet
    std::vector<float> expected;
    for (int i = 0; i < 5; ++i)
        expected = model.step(tokens[std::size_t(i)], i == 2 ? plan : LsCudaPlan());
    QVERIFY(relativeError(expected, run.logits()) < kTolerance);
    QCOMPARE(run.m_decoder.run(run.m_dense, {tokens.data() + 5, 1}), kLsCudaGap);
    QCOMPARE(run.m_decoder.generate(run.m_dense, 1), kLsCudaGap);
    FINE(run.m_decoder.run(skipping, {tokens.data() + 5, 1})); // it does not look
    FINE(run.m_decoder.truncate(2));
    FINE(run.m_decoder.run(run.m_dense, {tokens.data() + 2, 5}));
}

void TestEmuDecoder::allLogits_areThoseOfEveryToken_data()
{
    QTest::addColumn<int>("count");
    QTest::newRow("a step") << 3;
    QTest::newRow("a prompt") << 12;
}

void TestEmuDecoder::allLogits_areThoseOfEveryToken()
{
    QFETCH(int, count);
    TinyShape shape;
    shape.scales = shape.caps = true;
    TinyModel model(shape);
    Running run(model);
    const auto tokens = someTokens(count);
    const LsCudaTap wanted[] = {{2, 0, nullptr, 0}, {-1, 0, nullptr, 0}};
    LsCudaPlan plan{};
    plan.taps = wanted;
    plan.tapCount = 2;
    int number = -1;
    FINE(run.m_decoder.addPlan(plan, number));
    std::vector<float> all(std::size_t(count) * 131), taps(2 * std::size_t(count) * 256);
    FINE(run.m_decoder.run(number, tokens, {all.data(), taps.data()}));
    for (int i = 0; i < count; ++i) {
        const auto expected = model.step(tokens[std::size_t(i)]);
        const std::vector<float> row(all.begin() + i * 131, all.begin() + (i + 1) * 131);
        const double error = relativeError(expected, row);
        const double bar = (count > 8 ? 20 : 1) * kTolerance; // a prompt does not round to 15 bits
        QVERIFY2(error < bar, qPrintable(QString::number(error)));
        const std::vector<float> stream(taps.begin() + i * 256, taps.begin() + (i + 1) * 256);
        QVERIFY(relativeError(model.streams[2], stream) < bar);
        const auto* embedded = taps.data() + (std::size_t(count) + std::size_t(i)) * 256;
        QVERIFY(std::any_of(embedded, embedded + 256, [](float value) { return value != 0; }));
        QVERIFY(relativeError(model.streams[2], {embedded, embedded + 256}) > bar);
    }
}

void TestEmuDecoder::problems_areTold()
{
    TinyModel model({});
    ls::emu::EmuDevice device;
    {
        Decoder decoder(device);
        int number = -1;
        QVERIFY(!decoder.addPlan({}, number).empty()); // nothing loaded
        FINE(decoder.load(model.description));
        FINE(decoder.addPlan({}, number));
        int sequence = -1;
        QCOMPARE(decoder.run(number, someTokens(1)), "no sequence is selected");
        QVERIFY(!decoder.addSequence(301, sequence).empty());
        FINE(decoder.addSequence(300, sequence));
        const auto tokens = someTokens(301);
        const std::int32_t unknown = 131;
        QCOMPARE(decoder.run(7, {tokens.data(), 1}), "there is no such plan");
        QCOMPARE(decoder.run(number, tokens), "the sequence is longer than the cache");
        QCOMPARE(decoder.run(number, {&unknown, 1}), "token 131 is not in the vocabulary");
        QCOMPARE(decoder.generate(number, 1), "nothing was drawn yet");
        QVERIFY(!decoder.setSampling({-1.0f, 0, 1.0f, 0}).empty());
        LsCudaPlan bad{};
        const LsCudaTap tap{3, 0, nullptr, 0};
        bad.taps = &tap;
        bad.tapCount = 1;
        QVERIFY(decoder.addPlan(bad, number).find("tap 0") == 0);
        std::vector<float> few(3);
        QVERIFY(!decoder.logits(few).empty());
    }
    QCOMPARE(device.m_allocated, std::int64_t(0)); // everything was given back
    auto wrong = model.description;
    wrong.heads = 3;
    Decoder other(device);
    QVERIFY(!other.load(wrong).empty());
    wrong = model.description;
    wrong.embedding.rows = 130;
    Decoder another(device);
    QVERIFY(another.load(wrong).find("embedding") != std::string::npos);
    device.m_limit = 1000;
    Decoder poor(device);
    QVERIFY(poor.load(model.description).find("too little memory") != std::string::npos);
}

void TestEmuDecoder::cInterface_isTheDecoder()
{
    QCOMPARE(lsCudaAbi(), kLsCudaAbi);
    LsCudaDevice devices[2] = {};
    QCOMPARE(lsCudaDevices(devices, 2), 1);
    TinyModel model({});
    char problem[12] = "";
    QVERIFY(!lsCudaOpen(1, &model.description, problem, sizeof problem));
    QCOMPARE(QByteArray(problem), QByteArray("the emulato")); // cut, with its end
    auto wrong = model.description;
    wrong.layers = 0;
    QVERIFY(!lsCudaOpen(0, &wrong, problem, sizeof problem));
    LsCudaDecoder* decoder = lsCudaOpen(0, &model.description, problem, sizeof problem);
    QVERIFY(decoder);
    const LsCudaTap tap{1, 2, nullptr, 0};
    LsCudaPlan plan{};
    plan.taps = &tap;
    plan.tapCount = 1;
    int number = -1;
    std::int64_t bytes = 0, offset = 0, step = 0;
    QCOMPARE(lsCudaAddPlan(decoder, &plan, &number), 0);
    QCOMPARE(lsCudaTapBytes(decoder, number, &bytes), 0);
    QCOMPARE(lsCudaTapOffset(decoder, number, 0, &offset), 0);
    QCOMPARE(lsCudaTapOffset(decoder, number, 1, &offset), 1); // out of range: words, no exception
    const LsCudaSampling sampling{0.0f, 0, 1.0f, 1};
    QCOMPARE(lsCudaSetSampling(decoder, &sampling), 0);
    const auto tokens = someTokens(2);
    int sequence = -1, copy = -1;
    QCOMPARE(lsCudaAddSequence(decoder, 10, &sequence), 0);
    QCOMPARE(lsCudaRun(decoder, number, tokens.data(), 2, nullptr), 0);
    QCOMPARE(lsCudaGenerate(decoder, number, 1), 0);
    std::int32_t drawn[2] = {};
    std::vector<float> logits(131);
    std::vector<std::uint8_t> taps(static_cast<std::size_t>(bytes));
    QCOMPARE(lsCudaDrawn(decoder, drawn, 2), 0);
    QCOMPARE(lsCudaLogits(decoder, logits.data(), 131), 0);
    QCOMPARE(lsCudaReadTaps(decoder, number, &step, taps.data(), bytes), 0);
    QCOMPARE(step, std::int64_t(1));
    std::vector<float> expected;
    for (const std::int32_t token : {tokens[0], tokens[1], drawn[0]})
        expected = model.step(token);
    QVERIFY(relativeError(expected, logits) < kTolerance);
    QCOMPARE(lsCudaRun(decoder, 9, tokens.data(), 1, nullptr), 1);
    QCOMPARE(QByteArray(lsCudaProblem(decoder)), QByteArray("there is no such plan"));
    QCOMPARE(lsCudaCopySequence(decoder, sequence, &copy), 0);
    QCOMPARE(lsCudaTruncate(decoder, 1), 0);
    QCOMPARE(lsCudaSelect(decoder, sequence), 0);
    QCOMPARE(lsCudaRemoveSequence(decoder, copy), 0);
    QCOMPARE(lsCudaSelect(decoder, copy), 1);
    QCOMPARE(lsCudaRestart(decoder), 0);
    QCOMPARE(lsCudaRemovePlan(decoder, number), 0);
    QCOMPARE(lsCudaRemovePlan(decoder, number), 1);
    lsCudaClose(decoder);
}

/// What tests/gpu asks of a device, so that it is known to ask rightly.
void TestEmuDecoder::casesOfTheDevice_hold_data()
{
    QTest::addColumn<int>("count");
    QTest::newRow("decoder") << 0;
    QTest::newRow("sequences, a step") << 5;
    QTest::newRow("sequences, a prompt") << 30;
}

void TestEmuDecoder::casesOfTheDevice_hold()
{
    QFETCH(int, count);
    FINE(count == 0 ? runDecoder({}) : runSequences({}, count));
}

QTEST_GUILESS_MAIN(TestEmuDecoder)
#include "tst_emu_decoder.moc"
