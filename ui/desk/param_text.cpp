#include "ui/desk/param_editor.h"

#include "core/data/vector_header.h"
#include "core/json_value.h"

#include <QCoreApplication>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPushButton>

#include <algorithm>

namespace ls {

Result<nlohmann::json> headSetFromText(const QString& text, int blockCount, int headCount)
{
    nlohmann::json heads = nlohmann::json::array();
    for (const QString& entry : text.split(QLatin1Char(','), Qt::SkipEmptyParts)) {
        const QStringList parts = entry.trimmed().split(QLatin1Char('.'));
        bool okBlock = false, okHead = false;
        const int block = parts.value(0).toInt(&okBlock);
        const bool all = parts.value(1) == QLatin1String("*");
        const int head = all ? 0 : parts.value(1).toInt(&okHead);
        if (parts.size() != 2 || !okBlock || (!all && !okHead) || block < 0 || block >= blockCount || head < 0 ||
            head >= headCount)
            return Error{
                Errc::InvalidParameter,
                QCoreApplication::translate("heads", "\"%1\" is not a head.").arg(entry.trimmed()).toStdString(),
                QCoreApplication::translate("heads", "Write block.head, blocks 0 to %1, heads 0 to %2 or *.")
                    .arg(blockCount - 1)
                    .arg(headCount - 1)
                    .toStdString(),
                {}};
        for (int h = all ? 0 : head; h < (all ? headCount : head + 1); ++h) {
            const nlohmann::json pair{block, h};
            if (std::find(heads.begin(), heads.end(), pair) == heads.end())
                heads.push_back(pair);
        }
    }
    return heads;
}

QString headSetText(const nlohmann::json& heads)
{
    QStringList entries;
    if (heads.is_array())
        for (const auto& pair : heads)
            if (pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() && pair[1].is_number_integer())
                entries << QStringLiteral("%1.%2").arg(pair[0].get<int>()).arg(pair[1].get<int>());
    return entries.join(QLatin1Char(','));
}

namespace editors {

namespace {

class HeadsEditor final : public ParamEditor {
public:
    HeadsEditor(const ParamSchema& schema, const QString& name, QWidget* parent)
        : ParamEditor(parent)
        , m_text(new QLineEdit)
    {
        m_text->setObjectName(name);
        m_text->setAccessibleName(QString::fromStdString(schema.title));
        m_text->setPlaceholderText(tr("block.head, for example 3.1,7.*"));
        auto* row = new QHBoxLayout(this);
        row->setContentsMargins(0, 0, 0, 0);
        row->addWidget(m_text);
        connect(m_text, &QLineEdit::editingFinished, this, [this] {
            if (!m_text->isModified())
                return;
            const auto heads = headSetFromText(m_text->text(), m_blocks, m_heads);
            if (!heads) {
                Q_EMIT problem(QString::fromStdString(heads.error().message + " " + heads.error().hint));
                return;
            }
            m_text->setModified(false);
            Q_EMIT problem({});
            Q_EMIT edited(heads.value(), false);
        });
    }
    void setModel(const ModelInfo* model) override
    {
        m_blocks = model ? model->blockCount : 1024;
        m_heads = model ? model->headCount : 1024;
    }
    void setValue(const nlohmann::json& value) override
    {
        if (!m_text->hasFocus() || !m_text->isModified())
            m_text->setText(headSetText(value));
    }

private:
    int m_blocks = 1024, m_heads = 1024;
    QLineEdit* m_text;
};

/// A line of text; a list (direction ablation's sites) is written with commas.
class WordsEditor final : public ParamEditor {
public:
    WordsEditor(const ParamSchema& schema, const QString& name, QWidget* parent)
        : ParamEditor(parent)
        , m_list(schema.defaultValue.is_array())
        , m_text(new QLineEdit)
    {
        m_text->setObjectName(name);
        m_text->setAccessibleName(QString::fromStdString(schema.title));
        m_text->setToolTip(QString::fromStdString(schema.help));
        auto* row = new QHBoxLayout(this);
        row->setContentsMargins(0, 0, 0, 0);
        row->addWidget(m_text);
        connect(m_text, &QLineEdit::editingFinished, this, [this] {
            if (!m_text->isModified())
                return;
            m_text->setModified(false);
            if (!m_list) {
                Q_EMIT edited(m_text->text().toStdString(), false);
                return;
            }
            nlohmann::json words = nlohmann::json::array();
            for (const QString& word : m_text->text().split(QLatin1Char(','), Qt::SkipEmptyParts))
                words.push_back(word.trimmed().toStdString());
            Q_EMIT edited(words, false);
        });
    }
    void setValue(const nlohmann::json& value) override
    {
        QStringList words;
        if (value.is_array())
            for (const auto& word : value)
                words << QString::fromStdString(word.is_string() ? word.get<std::string>() : dumped(word));
        else if (value.is_string())
            words << QString::fromStdString(value.get<std::string>());
        if (!m_text->hasFocus() || !m_text->isModified())
            m_text->setText(words.join(QStringLiteral(", ")));
    }

private:
    bool m_list;
    QLineEdit* m_text;
};

class VectorEditor final : public ParamEditor {
public:
    VectorEditor(const ParamSchema& schema, const QString& name, QWidget* parent)
        : ParamEditor(parent)
        , m_path(new QLineEdit)
    {
        m_path->setObjectName(name);
        m_path->setAccessibleName(QString::fromStdString(schema.title));
        m_path->setPlaceholderText(tr("control-vector GGUF or safetensors"));
        auto* import = new QPushButton(tr("Import…"));
        import->setObjectName(name + QStringLiteral(".import"));
        import->setAccessibleName(tr("Import a vector file"));
        auto* row = new QHBoxLayout(this);
        row->setContentsMargins(0, 0, 0, 0);
        row->addWidget(m_path, 1);
        row->addWidget(import);
        connect(m_path, &QLineEdit::editingFinished, this, [this] {
            if (m_path->isModified())
                take(m_path->text());
        });
        connect(import, &QPushButton::clicked, this, [this] {
            auto* dialog = new QFileDialog(this, tr("Import vector"), QFileInfo(m_path->text()).path(),
                                           tr("Vectors (*.gguf *.safetensors)"));
            dialog->setAttribute(Qt::WA_DeleteOnClose);
            dialog->setFileMode(QFileDialog::ExistingFile);
            connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) { take(path); });
            dialog->open();
        });
    }
    void setModel(const ModelInfo* model) override { m_width = model ? model->width : 0; }
    void setValue(const nlohmann::json& value) override
    {
        if (value.is_string() && (!m_path->hasFocus() || !m_path->isModified()))
            m_path->setText(QString::fromStdString(value.get<std::string>()));
        m_path->setToolTip(m_path->text());
    }

private:
    /// A file that cannot be used here is refused; the card keeps the one it has.
    void take(const QString& path)
    {
        m_path->setText(path);
        m_path->setModified(false);
        if (!path.isEmpty())
            if (const Status status = check(path.toStdString()); !status) {
                Q_EMIT problem(QString::fromStdString(status.error().message + " " + status.error().hint));
                return;
            }
        Q_EMIT problem({});
        Q_EMIT edited(path.toStdString(), false);
    }
    Status check(const std::string& path) const
    {
        LS_TRY(const VectorHeader header, readVectorHeader(path));
        return m_width > 0 ? checkVectorWidth(path, header, m_width) : success();
    }
    int m_width = 0; ///< of the open model; 0 = none
    QLineEdit* m_path;
};

} // namespace

ParamEditor* heads(const ParamSchema& schema, const QString& name, QWidget* parent)
{
    return new HeadsEditor(schema, name, parent);
}
ParamEditor* words(const ParamSchema& schema, const QString& name, QWidget* parent)
{
    return new WordsEditor(schema, name, parent);
}
ParamEditor* vectorFile(const ParamSchema& schema, const QString& name, QWidget* parent)
{
    return new VectorEditor(schema, name, parent);
}

} // namespace editors
} // namespace ls
