#pragma once

#include "kernels/cpu/variant.h"
#include "kernels/emu/launch.h"

#include <QtTest>

#include <string>

/// Tables of device cases as rows of Qt tests.
namespace ls::test {

template <class Case>
void addRows(const std::vector<Case>& cases)
{
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < cases.size(); ++i)
        QTest::newRow(cases[i].name.c_str()) << int(i);
}

/// Runs the current row; the order of threads differs from row to row.
template <class Case>
void runRow(const std::vector<Case>& cases, std::string (*run)(const Case&))
{
    QFETCH(int, index);
    emu::setSchedule(std::uint64_t(index % 3));
    const std::string wrong = run(cases[std::size_t(index)]);
    emu::setSchedule(0);
    QVERIFY2(wrong.empty(), wrong.c_str());
}

} // namespace ls::test
