#include "ui/shell/text.h"

#include <QCoreApplication>

#include <cmath>

namespace ls::text {

QString number(double value, int digits)
{
    if (!std::isfinite(value))
        return QStringLiteral("—");
    QString text = QString::number(value, 'f', digits);
    if (text.startsWith(QLatin1Char('-'))) {
        // A rounded zero carries no sign.
        if (text.count(QLatin1Char('0')) + text.count(QLatin1Char('.')) == text.size() - 1)
            return text.mid(1);
        text[0] = QChar(0x2212);
    }
    return text;
}

QString signedNumber(double value, int digits)
{
    const QString text = number(value, digits);
    return value > 0 && text != number(0, digits) ? QLatin1Char('+') + text : text;
}

QString bytes(std::int64_t count)
{
    const double value = std::abs(double(count));
    const QString sign = count < 0 ? QString(QChar(0x2212)) : QString();
    if (value < 1024)
        return sign + QCoreApplication::translate("text", "%1 B").arg(value);
    if (value < 1024.0 * 1024)
        return sign + QCoreApplication::translate("text", "%1 KiB").arg(value / 1024, 0, 'f', 1);
    if (value < 1024.0 * 1024 * 1024)
        return sign + QCoreApplication::translate("text", "%1 MiB").arg(value / 1048576, 0, 'f', 1);
    return sign + QCoreApplication::translate("text", "%1 GiB").arg(value / 1073741824, 0, 'f', 2);
}

QString signedBytes(double count)
{
    return (count > 0 ? QStringLiteral("+") : QString()) + bytes(std::int64_t(count));
}

QString interval(double value, std::optional<double> low, std::optional<double> high, int digits)
{
    if (!low || !high)
        return number(value, digits);
    return QStringLiteral("%1 [%2, %3]").arg(number(value, digits), number(*low, digits), number(*high, digits));
}

QString token(const std::string& piece)
{
    QString text = QString::fromStdString(piece);
    text.replace(QLatin1Char('\n'), QChar(0x23CE));
    text.replace(QLatin1Char('\t'), QChar(0x21E5));
    return text.isEmpty() ? QStringLiteral("∅") : text;
}

QString sentence(const Error& error)
{
    QString text = of(error.message);
    if (!error.hint.empty())
        text += QLatin1Char(' ') + of(error.hint);
    return text;
}

} // namespace ls::text
