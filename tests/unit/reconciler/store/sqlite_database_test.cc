#include "reconciler/store/sqlite_database.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace slipway::store {
namespace {

class SqliteDatabaseTest : public testing::Test {
 protected:
  SqliteDatabaseTest() { writeFile(path_, ""); }
  TempDir directory_;
  const std::string path_ = directory_ / "a.db";
};

// Readers take the writer's lock for a moment when they meet a half-written index: without waiting, a healthy store
// would stop for good.
TEST_F(SqliteDatabaseTest, WaitsForAMomentaryLockBeforeAndAfterACheckpoint) {
  auto writer = *SqliteDatabase::open(path_, SqliteDatabase::Mode::ReadWrite);
  ASSERT_EQ(*writer->queryText("PRAGMA journal_mode=WAL"), "wal");
  ASSERT_TRUE(writer->execute("CREATE TABLE t(x)"));
  EXPECT_GT(*writer->queryInteger("PRAGMA busy_timeout"), 1000);
  ASSERT_TRUE(*writer->checkpoint());
  EXPECT_GT(*writer->queryInteger("PRAGMA busy_timeout"), 1000);
  auto reader = *SqliteDatabase::open(path_, SqliteDatabase::Mode::ReadOnly);
  EXPECT_GT(*reader->queryInteger("PRAGMA busy_timeout"), 1000);
}

TEST_F(SqliteDatabaseTest, ACheckpointGivesWayToAReader) {
  auto writer = *SqliteDatabase::open(path_, SqliteDatabase::Mode::ReadWrite);
  ASSERT_EQ(*writer->queryText("PRAGMA journal_mode=WAL"), "wal");
  writer->watchLog();
  ASSERT_TRUE(writer->execute("CREATE TABLE t(x); INSERT INTO t VALUES(1),(2)"));
  auto reader = *SqliteDatabase::open(path_, SqliteDatabase::Mode::ReadOnly);
  auto rows = *reader->prepare("SELECT x FROM t");
  ASSERT_TRUE(*rows.step());
  ASSERT_TRUE(writer->execute("INSERT INTO t VALUES(3)"));
  EXPECT_GT(writer->logPages(), 0);
  EXPECT_FALSE(*writer->checkpoint());
  rows.reset();
  EXPECT_TRUE(*writer->checkpoint());
  EXPECT_EQ(writer->logPages(), 0);
  EXPECT_EQ(*reader->queryInteger("SELECT count(*) FROM t"), 3);
}

TEST_F(SqliteDatabaseTest, AReaderCannotWrite) {
  auto writer = *SqliteDatabase::open(path_, SqliteDatabase::Mode::ReadWrite);
  ASSERT_TRUE(writer->execute("CREATE TABLE t(x)"));
  auto reader = *SqliteDatabase::open(path_, SqliteDatabase::Mode::ReadOnly);
  EXPECT_EQ(reader->execute("INSERT INTO t VALUES(1)").code(), Code::Unavailable);
  EXPECT_EQ(reader->prepare("SELECT nonsense FROM t").status().code(), Code::Unavailable);
}

}  // namespace
}  // namespace slipway::store
