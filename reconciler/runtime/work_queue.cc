#include "reconciler/runtime/work_queue.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace slipway::runtime {

struct WorkQueue::State : std::enable_shared_from_this<State> {
  State(WorkQueueOptions given, Clock& time, Random& dice, Metrics& counted)
      : options(std::move(given)), clock(time), random(dice), metrics(counted), labels{{"queue", options.name}} {}

  // True when the key was not waiting already.
  bool addLocked(const ObjectKey& key, SteadyTime now);
  std::optional<ObjectKey> takeLocked();
  void addAt(const ObjectKey& key, SteadyTime due);
  // When a timer must be started for the first delayed key.
  std::optional<SteadyTime> timerNeeded();
  void startTimer(SteadyTime due);
  void timerFired(SteadyTime due);
  void taken(Duration waited);
  void report(std::size_t added);

  const WorkQueueOptions options;
  Clock& clock;
  Random& random;
  Metrics& metrics;
  const MetricLabels labels;

  mutable std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<ObjectKey> queue;                       // in order; each key is also in `dirty`
  std::map<ObjectKey, SteadyTime> dirty;             // wants a worker, since when
  std::set<ObjectKey> processing;                    // has one
  std::map<ObjectKey, SteadyTime> due;               // delayed keys
  std::set<std::pair<SteadyTime, ObjectKey>> order;  // the same by time
  std::multiset<SteadyTime> timers;                  // started and not fired
  std::map<ObjectKey, int> failures;
  Duration lastWait{0};
  bool shutDown = false;
};

bool WorkQueue::State::addLocked(const ObjectKey& key, SteadyTime now) {
  if (shutDown || !dirty.emplace(key, now).second) return false;
  if (!processing.contains(key)) queue.push_back(key);
  return true;
}

std::optional<ObjectKey> WorkQueue::State::takeLocked() {
  if (shutDown || queue.empty()) return std::nullopt;
  ObjectKey key = std::move(queue.front());
  queue.pop_front();
  const auto it = dirty.find(key);
  lastWait = clock.steady() - it->second;
  dirty.erase(it);
  processing.insert(key);
  return key;
}

std::optional<SteadyTime> WorkQueue::State::timerNeeded() {
  if (shutDown || order.empty()) return std::nullopt;
  const SteadyTime first = order.begin()->first;
  if (!timers.empty() && *timers.begin() <= first) return std::nullopt;
  timers.insert(first);
  return first;
}

void WorkQueue::State::startTimer(SteadyTime at) {
  clock.startTimer(at, [weak = weak_from_this(), at] {
    if (const auto self = weak.lock()) self->timerFired(at);
  });
}

void WorkQueue::State::addAt(const ObjectKey& key, SteadyTime at) {
  std::optional<SteadyTime> timer;
  {
    const std::lock_guard lock(mutex);
    if (shutDown) return;
    const auto it = due.find(key);
    if (it != due.end() && it->second <= at) return;
    if (it != due.end()) order.erase({it->second, key});
    due[key] = at;
    order.emplace(at, key);
    timer = timerNeeded();
  }
  if (timer) startTimer(*timer);
  report(0);
}

void WorkQueue::State::timerFired(SteadyTime at) {
  std::size_t added = 0;
  std::optional<SteadyTime> timer;
  {
    const std::lock_guard lock(mutex);
    if (const auto it = timers.find(at); it != timers.end()) timers.erase(it);
    while (!order.empty() && order.begin()->first <= at) {
      const ObjectKey key = order.begin()->second;
      order.erase(order.begin());
      due.erase(key);
      if (addLocked(key, at)) ++added;
    }
    timer = timerNeeded();
  }
  if (timer) startTimer(*timer);
  changed.notify_all();
  report(added);
}

void WorkQueue::State::report(std::size_t added) {
  std::size_t waiting = 0;
  std::size_t later = 0;
  {
    const std::lock_guard lock(mutex);
    waiting = queue.size();
    later = order.size();
  }
  if (added > 0) metrics.add("slipway_queue_adds_total", labels, static_cast<double>(added));
  metrics.set("slipway_queue_depth", labels, static_cast<double>(waiting));
  metrics.set("slipway_queue_delayed", labels, static_cast<double>(later));
}

void WorkQueue::State::taken(Duration waited) {
  metrics.observe("slipway_queue_latency_seconds", labels, std::chrono::duration<double>(waited).count());
  report(0);
}

WorkQueue::WorkQueue(WorkQueueOptions options, Clock& clock, Random& random, Metrics& metrics)
    : state_(std::make_shared<State>(std::move(options), clock, random, metrics)) {}

WorkQueue::~WorkQueue() { shutDown(); }

void WorkQueue::add(const ObjectKey& key) {
  const SteadyTime now = state_->clock.steady();
  bool added = false;
  {
    const std::lock_guard lock(state_->mutex);
    added = state_->addLocked(key, now);
  }
  if (!added) return;
  state_->changed.notify_one();
  state_->report(1);
}

void WorkQueue::addAfter(const ObjectKey& key, Duration delay) {
  if (delay <= Duration::zero()) return add(key);
  state_->addAt(key, state_->clock.steady() + delay);
}

void WorkQueue::retry(const ObjectKey& key) {
  const std::uint64_t dice = state_->random.next();
  Duration delay = state_->options.backoffBase;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->shutDown) return;
    const int before = state_->failures[key]++;
    for (int i = 0; i < before && delay < state_->options.backoffMax; ++i) delay *= 2;
  }
  delay = std::min(delay, state_->options.backoffMax);
  delay -= Duration(static_cast<Duration::rep>(dice % static_cast<std::uint64_t>(delay.count() / 4 + 1)));
  state_->metrics.add("slipway_queue_retries_total", state_->labels);
  addAfter(key, std::max(delay, state_->options.backoffBase));
}

void WorkQueue::forget(const ObjectKey& key) {
  const std::lock_guard lock(state_->mutex);
  state_->failures.erase(key);
}

std::optional<ObjectKey> WorkQueue::tryTake() {
  std::optional<ObjectKey> key;
  Duration waited{0};
  {
    const std::lock_guard lock(state_->mutex);
    key = state_->takeLocked();
    waited = state_->lastWait;
  }
  if (key) state_->taken(waited);
  return key;
}

std::optional<ObjectKey> WorkQueue::take(const std::stop_token& stop) {
  std::optional<ObjectKey> key;
  Duration waited{0};
  {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, stop, [this] { return state_->shutDown || !state_->queue.empty(); });
    if (stop.stop_requested()) return std::nullopt;
    key = state_->takeLocked();
    waited = state_->lastWait;
  }
  if (key) state_->taken(waited);
  return key;
}

void WorkQueue::done(const ObjectKey& key) {
  bool again = false;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->processing.erase(key) == 0) return;
    again = !state_->shutDown && state_->dirty.contains(key);
    if (again) state_->queue.push_back(key);
  }
  if (!again) return;
  state_->changed.notify_one();
  state_->report(0);
}

void WorkQueue::shutDown() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->shutDown = true;
    state_->queue.clear();
    state_->dirty.clear();
    state_->order.clear();
    state_->due.clear();
  }
  state_->changed.notify_all();
}

std::size_t WorkQueue::depth() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

std::size_t WorkQueue::delayed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->order.size();
}

int WorkQueue::retries(const ObjectKey& key) const {
  const std::lock_guard lock(state_->mutex);
  const auto it = state_->failures.find(key);
  return it == state_->failures.end() ? 0 : it->second;
}

}  // namespace slipway::runtime
