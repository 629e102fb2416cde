#include <map>
#include <set>

#include <gtest/gtest.h>

#include "reconciler/runtime/work_queue.h"
#include "tests/support/fake_clock.h"
#include "tests/support/seeded_random.h"

namespace slipway::runtime {
namespace {

using namespace std::chrono_literals;

// The laws, over random interleavings of everything that can be done to a queue:
//   no key is held twice; nobody gets a key that nobody added; after an add the key is handed out at least once more;
//   a key that waits is there once; a delayed key comes neither early nor never.
class Interleaving {
 public:
  explicit Interleaving(std::uint64_t seed) : random_(seed), backoff_(seed + 1) {}

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) act();
    settle();
  }

 private:
  ObjectKey someKey() { return {"ns", std::string(1, static_cast<char>('a' + random_.next() % 5))}; }

  void act() {
    const ObjectKey key = someKey();
    switch (random_.next() % 7) {
      case 0:
        queue_.add(key);
        wanted_.insert(key);
        break;
      case 1: {
        const Duration delay = 1ms * (1 + random_.next() % 50);
        queue_.addAfter(key, delay);
        postpone(key, clock_.steady() + delay);
        break;
      }
      case 2:
        queue_.retry(key);
        postpone(key, clock_.steady() + kBackoff);
        break;
      case 3:
        queue_.forget(key);
        break;
      case 4:
        take();
        break;
      case 5:
        if (held_.empty()) break;
        queue_.done(*held_.begin());
        held_.erase(held_.begin());
        break;
      default:
        advance(1ms * (random_.next() % 20));
    }
    ASSERT_LE(queue_.depth(), 5U);
  }

  void postpone(const ObjectKey& key, SteadyTime due) {
    const auto [it, fresh] = due_.emplace(key, due);
    if (!fresh) it->second = std::min(it->second, due);
  }

  void advance(Duration by) {
    clock_.advance(by);
    for (auto it = due_.begin(); it != due_.end();) {
      if (it->second <= clock_.steady()) {
        wanted_.insert(it->first);
        it = due_.erase(it);
      } else {
        ++it;
      }
    }
  }

  bool take() {
    const auto key = queue_.tryTake();
    if (!key) {
      // Whatever is wanted is held by a worker.
      for (const auto& one : wanted_) EXPECT_TRUE(held_.contains(one)) << one.toString() << " was lost";
      return false;
    }
    EXPECT_TRUE(held_.insert(*key).second) << key->toString() << " was handed out twice";
    EXPECT_EQ(wanted_.erase(*key), 1U) << key->toString() << " was not added, or came early";
    return true;
  }

  void settle() {
    advance(1min);
    do {
      for (const auto& key : held_) queue_.done(key);
      held_.clear();
    } while (take());
    EXPECT_TRUE(wanted_.empty());
    EXPECT_EQ(queue_.delayed(), 0U);
    EXPECT_EQ(clock_.pendingTimers(), 0U);
  }

  // So that a retry has no random part.
  static constexpr Duration kBackoff = 5ms;

  SeededRandom random_;
  SeededRandom backoff_;
  FakeClock clock_;
  NullMetrics metrics_;
  WorkQueue queue_{{"property", kBackoff, kBackoff}, clock_, backoff_, metrics_};
  std::set<ObjectKey> wanted_;  // added, not handed out since
  std::set<ObjectKey> held_;    // by workers
  std::map<ObjectKey, SteadyTime> due_;
};

TEST(WorkQueueLaws, HoldOverRandomInterleavings) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Interleaving(seed).run(300);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace slipway::runtime
