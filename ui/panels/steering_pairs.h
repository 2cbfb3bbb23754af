#pragma once

#include "core/error.h"

#include <QWidget>

#include <nlohmann/json.hpp>

#include <utility>
#include <vector>

class QLabel;
class QTableWidget;

namespace ls {

/// Contrast pairs: (positive, negative).
using Pairs = std::vector<std::pair<QString, QString>>;

/// 16 pairs that ship.
Pairs examplePairs();
/// A CSV with the columns positive and negative. Errors: those of parseCsv; DataColumns with the columns found.
Result<Pairs> pairsFromCsv(const QString& path);
/// What a spreadsheet or a text editor puts on the clipboard: two columns separated by tabs, or CSV; a head line with
/// "positive" and "negative" is no pair. Error: DataColumns for lines without a second column.
Result<Pairs> pairsFromText(const QString& text);
nlohmann::json pairsToJson(const Pairs& pairs);
Pairs pairsFromJson(const nlohmann::json& json);

/// Two columns to type, paste or load pairs into. objectNames steer.pairs .addPair .removePair .paste .load .example.
class PairsEditor : public QWidget {
    Q_OBJECT
public:
    static constexpr int kFewest = 8; ///< pairs
    explicit PairsEditor(QWidget* parent = nullptr);
    Pairs pairs() const; ///< those with text on both sides
    void setPairs(const Pairs& pairs);
    /// TooFewPairs, or InvalidParameter for a row with one side only.
    Status check() const;

Q_SIGNALS:
    void edited(); ///< by the user
    void problem(const ls::Error& error);

private:
    void take(const Result<Pairs>& pairs, bool append);
    void append(const Pairs& pairs);
    void chooseFile();
    void refreshCount();
    QTableWidget* m_table;
    QLabel* m_count;
    bool m_filling = false;
};

} // namespace ls
