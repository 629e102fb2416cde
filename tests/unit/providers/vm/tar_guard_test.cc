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
  for (const char type : {'1', '3', '4', '6', 'L', 'K', 'S', 'g'}) {
    std::string header = entry("a");
    header[156] = type;
    EXPECT_FALSE(judge(header)) << type;
  }
}

TEST(TarGuard, ReadsLongNamesFromPaxHeaders) {
  std::string header = entry("pax");
  header[156] = 'x';
  const std::string record = "15 path=/etc/x\n";
  std::string size = "00000000017";
  header.replace(124, size.size(), size);
  std::string body = record;
  body.resize(512);
  EXPECT_FALSE(judge(header + body + entry("innocent")));
}

TEST(TarSpool, KeepsTheArchiveForManyReaders) {
  const FakeArtifact artifact({{"a", {std::string(5000, 'x')}}, {"b", {"y"}}});
  const auto spool = TarSpool::make(artifact, {"b"});
  ASSERT_TRUE(spool);
  EXPECT_EQ((*spool)->size(), 512U + 512U + 1024U);
  EXPECT_EQ((*spool)->read(0, 1)->substr(0, 1), "b");
  EXPECT_EQ((*spool)->read(512, 3)->substr(0, 1), "y");
  EXPECT_EQ((*spool)->read(5000, 10)->size(), 0U);
  EXPECT_FALSE(TarSpool::make(FakeArtifact(std::map<std::string, File>{{"l", {"/etc", ArtifactFile::Type::Symlink}}}), {}));
}

TEST(Manifest, IsSortedByBytesAndRefusesLineBreaks) {
  const auto lines = manifestOf(FakeArtifact({{"a", {"1"}}, {"b", {"x", ArtifactFile::Type::Executable}}}));
  ASSERT_TRUE(lines);
  EXPECT_EQ(*lines, cat("f ", sha256Hex("1"), " 1 a\nx ", sha256Hex("x"), " 1 b"));
  EXPECT_FALSE(manifestOf(FakeArtifact(std::map<std::string, File>{{"a\nb", File{}}})));
}

}  // namespace
}  // namespace slipway::vm
