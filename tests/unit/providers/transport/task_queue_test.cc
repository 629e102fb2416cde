#include "providers/transport/task_queue.h"

#include <future>
#include <string>

#include <gtest/gtest.h>

namespace slipway::transport {
namespace {

TEST(TaskQueue, RunsTasksInTheOrderTheyCameAndAllBeforeItEnds) {
  std::string order;
  {
    TaskQueue queue;
    for (const char step : {'a', 'b', 'c'}) queue.post([&order, step] { order += step; });
  }
  EXPECT_EQ("abc", order);
}

TEST(TaskQueue, LetsWhatATaskHoldsPostAtItsEnd) {
  struct PostsAtEnd {
    std::shared_ptr<TaskQueue::Mailbox> mailbox;
    std::promise<void>& ran;
    PostsAtEnd(std::shared_ptr<TaskQueue::Mailbox> box, std::promise<void>& promise)
        : mailbox(std::move(box)), ran(promise) {}
    ~PostsAtEnd() {
      mailbox->post([&ran = ran] { ran.set_value(); });
    }
  };
  std::promise<void> ran;
  TaskQueue queue;
  queue.post([held = std::make_shared<PostsAtEnd>(queue.mailbox(), ran)] {});
  ran.get_future().wait();
}

TEST(TaskQueue, DropsWhatIsPostedAfterItsEnd) {
  std::shared_ptr<TaskQueue::Mailbox> mailbox;
  {
    const TaskQueue queue;
    mailbox = queue.mailbox();
  }
  bool ran = false;
  mailbox->post([&ran] { ran = true; });
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace slipway::transport
