#include "reconciler/store/file_run_log.h"

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "reconciler/base/strings.h"
#include "tests/support/temp_dir.h"

namespace slipway::store {
namespace {

class FileRunLogTest : public testing::Test {
 protected:
  std::unique_ptr<FileRunLog> open(std::size_t maxTargetBytes = 1U << 20U, std::size_t maxOpenFiles = 64) {
    return std::make_unique<FileRunLog>(FileRunLogOptions{directory_ / "logs", maxTargetBytes, maxOpenFiles}, log_);
  }
  using Texts = std::vector<std::string>;
  TempDir directory_;
  NullLogger log_;
};

TEST_F(FileRunLogTest, GivesBackWhatWasAppendedFromAnyOffset) {
  auto logs = open();
  logs->append("run", "web-1", "one\n");
  logs->append("run", "web-1", "two\n");
  const auto all = *logs->read("run", "web-1", 0, 100);
  EXPECT_EQ(all.text, "one\ntwo\n");
  EXPECT_EQ(all.next, 8U);
  EXPECT_FALSE(all.truncated);
  const auto part = *logs->read("run", "web-1", 2, 3);
  EXPECT_EQ(part.text, "e\nt");
  EXPECT_EQ(part.next, 5U);
  const auto end = *logs->read("run", "web-1", 8, 100);
  EXPECT_EQ(end.text, "");
  EXPECT_EQ(end.next, 8U);
  EXPECT_EQ(logs->read("run", "web-1", 1000, 1)->next, 1000U);
}

TEST_F(FileRunLogTest, KeepsTargetsAndRunsApart) {
  auto logs = open();
  logs->append("run-1", "b", "x");
  logs->append("run-1", "a", "y");
  logs->append("run-2", "a", "z");
  EXPECT_EQ(logs->targets("run-1"), (Texts{"a", "b"}));
  EXPECT_EQ(logs->read("run-2", "a", 0, 9)->text, "z");
  EXPECT_EQ(logs->read("run-2", "b", 0, 9).code(), Code::NotFound);
  EXPECT_EQ(logs->read("run-3", "a", 0, 9).code(), Code::NotFound);
  EXPECT_EQ(logs->targets("run-3"), Texts{});
}

TEST_F(FileRunLogTest, SurvivesARestart) {
  open()->append("run", "a", "before ");
  auto logs = open();
  logs->append("run", "a", "after");
  EXPECT_EQ(logs->read("run", "a", 0, 99)->text, "before after");
}

TEST_F(FileRunLogTest, DropsWhatIsOverTheLimitAndSaysSoAlsoAfterARestart) {
  open(10)->append("run", "a", "0123456789");
  EXPECT_FALSE(open(10)->read("run", "a", 0, 99)->truncated) << "full, but nothing was dropped";
  open(10)->append("run", "a", "more");
  auto logs = open(10);
  logs->append("run", "a", "and more");
  const auto chunk = *logs->read("run", "a", 0, 999);
  EXPECT_TRUE(chunk.truncated);
  EXPECT_EQ(chunk.text, "0123456789\n[log full: later output was dropped]\n");
}

TEST_F(FileRunLogTest, CutsBetweenCharacters) {
  auto logs = open(4);
  logs->append("run", "a", "xxxäy");  // the limit is inside the ä
  const auto chunk = *logs->read("run", "a", 0, 999);
  EXPECT_EQ(chunk.text.substr(0, 5), "xxx \n");
  EXPECT_TRUE(chunk.truncated);
}

TEST_F(FileRunLogTest, NamesNeverLeaveTheDirectory) {
  auto logs = open();
  for (const std::string& name : Texts{"../../evil", "/etc/evil", "..", ".", "", "a/b", std::string("nul\0x", 5),
                                       "with space", "\xc3\xbcmlaut", "%41"}) {
    logs->append(name, name, "text of " + name);
    EXPECT_EQ(logs->read(name, name, 0, 99)->text, "text of " + name);
    if (!name.empty()) {
      EXPECT_EQ(logs->targets(name), (Texts{name}));
    }
  }
  logs->append("run", std::string(1000, 'x'), "long");
  EXPECT_EQ(logs->read("run", std::string(1000, 'x'), 0, 9)->text, "long");
  EXPECT_FALSE(logs->read("run", std::string(1001, 'x'), 0, 9));
  std::size_t entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    EXPECT_EQ(entry.path().filename(), "logs");
    ++entries;
  }
  EXPECT_EQ(entries, 1U);
  logs->append("A", "x", "upper");
  EXPECT_EQ(logs->read("%41", "%41", 0, 99)->text, "text of %41") << "an escape in a name is no other name";
}

TEST_F(FileRunLogTest, DoesNotFollowAPlantedLink) {
  auto logs = open();
  logs->append("run", "a", "x");
  writeFile(directory_ / "victim", "untouched");
  std::filesystem::create_symlink(directory_ / "victim", directory_ / "logs/run/b.log");
  logs->append("run", "b", "evil");
  EXPECT_EQ(readFile(directory_ / "victim"), "untouched");
  EXPECT_FALSE(logs->read("run", "b", 0, 9));
}

TEST_F(FileRunLogTest, HidesWhatServersPrintedFromOthers) {
  auto logs = open();
  logs->append("run", "a", "x");
  for (const auto& [path, mode] : {std::pair("logs", 0700U), {"logs/run", 0700U}, {"logs/run/a.log", 0600U}}) {
    struct stat info {};
    ASSERT_EQ(stat((directory_ / path).c_str(), &info), 0) << path;
    EXPECT_EQ(info.st_mode & 0777U, mode) << path;
  }
}

TEST_F(FileRunLogTest, RemovesARunAndNothingElse) {
  auto logs = open();
  logs->append("run", "a", "x");
  logs->append("run2", "a", "y");
  logs->remove("run");
  EXPECT_EQ(logs->targets("run"), Texts{});
  EXPECT_EQ(logs->read("run2", "a", 0, 9)->text, "y");
  logs->remove("never");
  logs->append("run", "a", "again");
  EXPECT_EQ(logs->read("run", "a", 0, 9)->text, "again");
}

TEST_F(FileRunLogTest, HoldsFewFilesOpenForManyTargets) {
  auto logs = open(1000, 3);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) logs->append("run", cat("t", i), cat(round));
  }
  std::size_t descriptors = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const auto to = std::filesystem::read_symlink(entry.path(), error).string();
    descriptors += to.starts_with(directory_.path()) ? 1 : 0;
  }
  EXPECT_LE(descriptors, 3U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(logs->read("run", cat("t", i), 0, 9)->text, "012");
}

TEST_F(FileRunLogTest, WritersOfOneTargetDoNotMixWithinALine) {
  auto logs = open();
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < 4; ++t) {
      writers.emplace_back([&, t] {
        for (int i = 0; i < 100; ++i) logs->append("run", "a", std::string(20, static_cast<char>('a' + t)) + "\n");
      });
    }
  }
  const auto text = logs->read("run", "a", 0, 1U << 20U)->text;
  ASSERT_EQ(text.size(), 4U * 100 * 21);
  for (std::size_t at = 0; at < text.size(); at += 21) {
    EXPECT_EQ(text.substr(at, 21), std::string(20, text[at]) + "\n");
  }
}

}  // namespace
}  // namespace slipway::store
