#include "engine/server/inbox.h"

#include <algorithm>

namespace ls {

std::uint32_t requestIdOf(const ClientMessage& message)
{
    return std::visit(
        [](const auto& concrete) -> std::uint32_t {
            if constexpr (requires { concrete.requestId; })
                return concrete.requestId;
            else
                return 0;
        },
        message);
}

void Inbox::push(ClientMessage message)
{
    const std::scoped_lock lock(m_mutex);
    if (const auto* cancel = std::get_if<Cancel>(&message)) {
        bool found = false;
        for (Job* job : m_jobs)
            if (job->requestId == cancel->target)
                found = job->cancelled = true;
        for (Item& item : m_items)
            if (requestIdOf(item.message) == cancel->target)
                found = item.cancelled = true;
        if (!found) { // it may stand between wait() and begin()
            constexpr std::size_t kRemembered = 16;
            m_unmatched.push_back(cancel->target);
            if (m_unmatched.size() > kRemembered)
                m_unmatched.pop_front();
        }
    } else {
        m_items.push_back({std::move(message)});
    }
    ++m_arrivals;
    m_arrived.notify_all();
}

void Inbox::close()
{
    const std::scoped_lock lock(m_mutex);
    m_closed = true;
    for (Job* job : m_jobs)
        job->cancelled = true;
    m_items.clear();
    ++m_arrivals;
    m_arrived.notify_all();
}

std::optional<Inbox::Item> Inbox::wait()
{
    std::unique_lock lock(m_mutex);
    m_arrived.wait(lock, [&] { return m_closed || !m_items.empty(); });
    if (m_closed)
        return std::nullopt;
    Item item = std::move(m_items.front());
    m_items.pop_front();
    return item;
}

std::optional<Inbox::Item> Inbox::take(const std::function<bool(const ClientMessage&)>& wanted)
{
    const std::scoped_lock lock(m_mutex);
    const auto found =
        std::find_if(m_items.begin(), m_items.end(), [&](const Item& item) { return wanted(item.message); });
    if (found == m_items.end())
        return std::nullopt;
    Item item = std::move(*found);
    m_items.erase(found);
    return item;
}

void Inbox::waitForAny()
{
    std::unique_lock lock(m_mutex);
    m_arrived.wait(lock, [&, seen = m_arrivals] { return m_closed || m_arrivals != seen; });
}

void Inbox::begin(Job& job)
{
    const std::scoped_lock lock(m_mutex);
    if (m_closed || std::erase(m_unmatched, job.requestId) > 0)
        job.cancelled = true;
    m_jobs.push_back(&job);
}

void Inbox::end(Job& job)
{
    const std::scoped_lock lock(m_mutex);
    std::erase(m_jobs, &job);
}

} // namespace ls
