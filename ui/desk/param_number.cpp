#include "ui/desk/param_editor.h"

#include <QDoubleSpinBox>
#include <QEvent>
#include <QHBoxLayout>
#include <QSlider>

#include <cmath>

namespace ls::editors {

namespace {

constexpr int kSteps = 1000;

/// Slider and spin box. Wide ranges of positive numbers have a logarithmic slider.
class NumberEditor final : public ParamEditor {
public:
    NumberEditor(const ParamSchema& schema, const QString& name, QWidget* parent)
        : ParamEditor(parent)
        , m_whole(schema.type == ParamType::Int)
        , m_low(schema.minimum.value_or(0))
        , m_high(schema.maximum.value_or(m_whole ? 1000 : 1))
        , m_log(m_low >= 0 && m_high - m_low > 5000)
        , m_default((schema.deskDefault.is_number() ? schema.deskDefault : schema.defaultValue).get<double>())
        , m_slider(new QSlider(Qt::Horizontal))
        , m_spin(new QDoubleSpinBox)
    {
        m_spin->setObjectName(name);
        m_spin->setAccessibleName(QString::fromStdString(schema.title));
        m_spin->setRange(m_low, m_high);
        m_spin->setDecimals(m_whole ? 0 : 2);
        m_spin->setSingleStep(schema.step.value_or(m_whole ? 1 : 0.05));
        m_spin->setKeyboardTracking(false);
        if (!schema.unit.empty())
            m_spin->setSuffix(QLatin1Char(' ') + QString::fromStdString(schema.unit));
        m_spin->setToolTip(tr("%1 to %2; double click on the slider resets").arg(m_low).arg(m_high));
        m_slider->setObjectName(name + QStringLiteral(".slider"));
        m_slider->setAccessibleName(tr("%1, slider").arg(QString::fromStdString(schema.title)));
        m_slider->setRange(0, kSteps);
        m_slider->setMinimumWidth(50);
        m_slider->setToolTip(m_spin->toolTip());
        for (QWidget* widget : {static_cast<QWidget*>(m_slider), static_cast<QWidget*>(m_spin)}) {
            widget->setFocusPolicy(Qt::StrongFocus);
            widget->installEventFilter(this);
        }
        auto* row = new QHBoxLayout(this);
        row->setContentsMargins(0, 0, 0, 0);
        row->addWidget(m_slider, 1);
        row->addWidget(m_spin);
        connect(m_spin, &QDoubleSpinBox::valueChanged, this, [this](double value) {
            show(value);
            Q_EMIT edited(json(value), false);
        });
        connect(m_slider, &QSlider::valueChanged, this, [this](int step) {
            const double value = fromStep(step);
            const QSignalBlocker quiet(m_spin);
            m_spin->setValue(value);
            Q_EMIT edited(json(m_spin->value()), m_slider->isSliderDown());
        });
        connect(m_slider, &QSlider::sliderReleased, this, [this] { Q_EMIT edited(json(m_spin->value()), false); });
    }

    void setValue(const nlohmann::json& value) override
    {
        if (value.is_number())
            show(value.get<double>());
    }

protected:
    bool eventFilter(QObject* watched, QEvent* event) override
    {
        auto* widget = static_cast<QWidget*>(watched);
        if (event->type() == QEvent::Wheel && !widget->hasFocus()) {
            event->ignore(); // scrolling the desk must not change a value
            return true;
        }
        if (event->type() == QEvent::MouseButtonDblClick && watched == m_slider) {
            m_spin->setValue(m_default);
            return true;
        }
        return ParamEditor::eventFilter(watched, event);
    }

private:
    nlohmann::json json(double value) const
    {
        return m_whole ? nlohmann::json(std::llround(value)) : nlohmann::json(value);
    }
    double fromStep(int step) const
    {
        const double t = double(step) / kSteps;
        const double value = m_log ? m_low + std::expm1(t * std::log1p(m_high - m_low)) : m_low + t * (m_high - m_low);
        const double grid = m_whole ? 1 : m_spin->singleStep();
        return std::round(value / grid) * grid;
    }
    void show(double value)
    {
        const QSignalBlocker quietSpin(m_spin), quietSlider(m_slider);
        if (m_spin->value() != value)
            m_spin->setValue(value);
        if (m_slider->isSliderDown())
            return;
        const double t =
            m_log ? std::log1p(value - m_low) / std::log1p(m_high - m_low) : (value - m_low) / (m_high - m_low);
        m_slider->setValue(int(std::lround(t * kSteps)));
    }

    bool m_whole;
    double m_low, m_high;
    bool m_log;
    double m_default;
    QSlider* m_slider;
    QDoubleSpinBox* m_spin;
};

} // namespace

ParamEditor* number(const ParamSchema& schema, const QString& name, QWidget* parent)
{
    return new NumberEditor(schema, name, parent);
}

} // namespace ls::editors
