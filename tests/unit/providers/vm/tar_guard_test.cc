#include "providers/vm/tar_guard.h"

#include <gtest/gtest.h>

#include "providers/vm/artifact_stream.h"
#include "reconciler/base/strings.h"
#include "tests/support/fake_artifact.h"

namespace slipway::vm {
namespace {

using File = FakeArtifact::File;

std::string entry(const std::string& path, const File& file = {}) { return FakeArtifact::header(path, file); }
std::string link(const std::string& path, const std::string& target) {
  return entry(path, {target, ArtifactFile::Type::Symlink});
}
Status judge(const std::string& stream) {
  TarGuard guard;
  return guard.take(stream);
}

TEST(TarGuard, LetsAnOrdinaryTreePassInPiecesOfAnySize) {
  const FakeArtifact artifact(
      {{"a/b", {std::string(1000, 'x')}}, {"a/l", {"../c", ArtifactFile::Type::Symlink}}, {"c", {}}});
  std::string stream;
  ASSERT_TRUE(artifact.writeTar({}, [&](std::string_view piece) {
    stream += piece;
    return true;
  }));
  for (const std::size_t size : {1U, 7U, 511U, 512U, 5000U}) {
    TarGuard guard;
    for (std::size_t at = 0; at < stream.size(); at += size) {
      ASSERT_TRUE(guard.take(std::string_view(stream).substr(at, size)));
    }
  }
}

TEST(TarGuard, RefusesWhatLeavesTheTree) {
  EXPECT_FALSE(judge(entry("/etc/passwd")));
  EXPECT_FALSE(judge(entry("../x")));
  EXPECT_FALSE(judge(entry("a/../../x")));
  EXPECT_FALSE(judge(link("a", "/etc")));
  EXPECT_FALSE(judge(link("a", "..")));
  EXPECT_FALSE(judge(link("a/b", "../..")));
  EXPECT_FALSE(judge(link("a/b", "c/../../../d")));
  EXPECT_TRUE(judge(link("a/b", "../c")));
  EXPECT_FALSE(judge(link("a", "b") + entry("a/x")));
  EXPECT_FALSE(judge(link("a", "b") + entry("./a/x")));
  EXPECT_FALSE(judge(link("a", "b") + entry("a")));
}

TEST(TarGuard, RefusesOtherKindsOfEntries) {
  for (const char type : {'1', '3', '4', '6', 'S', 'g'}) {
    std::string header = entry("a");
    header[156] = type;
    EXPECT_FALSE(judge(header)) << type;
  }
}

std::string extra(char type, std::string body) {
  std::string header = entry("extra", {body});
  header[156] = type;
  body.resize((body.size() + 511) / 512 * 512);
  return header + body;
}

TEST(TarGuard, ReadsLongNamesOfBothKinds) {
  const std::string good(300, 'n');
  EXPECT_FALSE(judge(extra('x', "15 path=/etc/x\n") + entry("innocent")));
  EXPECT_FALSE(judge(extra('L', std::string("../x\0", 5)) + entry("innocent")));
  EXPECT_FALSE(judge(extra('K', "/etc") + link("a", "b")));
  EXPECT_FALSE(judge(extra('x', "14 linkpath=/\n") + link("a", "b")));
  EXPECT_FALSE(judge(extra('x', "999 path=x\n") + entry("a")));
  EXPECT_TRUE(judge(extra('x', "310 path=" + good + "\n") + extra('L', good) + entry("nnn") + link("a", "b")));
  EXPECT_FALSE(judge(extra('x', "310 path=" + good + "\n") + extra('L', "other") + entry("nnn")));
}

TEST(TarGuard, SkipsContentByTheSizeOfTheExtraHeader) {
  const std::string inside = entry("../not an entry");
  EXPECT_TRUE(judge(extra('x', "12 size=512\n") + entry("a") + inside));
}

TEST(TarSpool, KeepsTheArchiveForManyReaders) {
  const FakeArtifact artifact({{"a", {std::string(5000, 'x')}}, {"b", {"y"}}});
  const auto spool = TarSpool::make(artifact, {"b"});
  ASSERT_TRUE(spool);
  EXPECT_EQ((*spool)->size(), 512U + 512U + 1024U);
  EXPECT_EQ((*spool)->read(0, 1)->substr(0, 1), "b");
  EXPECT_EQ((*spool)->read(512, 3)->substr(0, 1), "y");
  EXPECT_EQ((*spool)->read(5000, 10)->size(), 0U);
  EXPECT_FALSE(
      TarSpool::make(FakeArtifact(std::map<std::string, File>{{"l", {"/etc", ArtifactFile::Type::Symlink}}}), {}));
}

TEST(Manifest, IsSortedByBytesAndRefusesLineBreaks) {
  const auto lines = manifestOf(FakeArtifact({{"a", {"1"}}, {"b", {"x", ArtifactFile::Type::Executable}}}));
  ASSERT_TRUE(lines);
  EXPECT_EQ(*lines, cat("f ", sha256Hex("1"), " 1 a\nx ", sha256Hex("x"), " 1 b"));
  EXPECT_FALSE(manifestOf(FakeArtifact(std::map<std::string, File>{{"a\nb", File{}}})));
}

}  // namespace
}  // namespace slipway::vm
