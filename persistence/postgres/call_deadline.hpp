// The client's own limit for calls that wait for a server: when it has passed, the session's socket
// is shut down, and libpq sees a connection that broke. No server has to play along.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <string>

namespace ledgerd {

// A descriptor of its own for the socket of a session: that of libpq may be closed, and its number
// given to somebody else, while a call is under way. Throws std::system_error.
class socket_handle {
public:
  explicit socket_handle(int socket);
  ~socket_handle();

  socket_handle(const socket_handle&) = delete;
  socket_handle& operator=(const socket_handle&) = delete;

  int get() const noexcept { return socket_; }

private:
  int socket_;
};

enum class call_kind : std::uint8_t { statement, commit };

// A call that the process's watchdog knows of.
struct watched_call {
  int socket = -1;
  call_kind kind = call_kind::statement;
  std::chrono::steady_clock::time_point begun;
  std::chrono::steady_clock::time_point deadline;
  bool told = false; // the listener knows that it waits
  bool shut_down = false;
};

// Stands around one blocking call. One thread.
class call_deadline {
public:
  // Throws database_error (lost) when calls are cancelled.
  call_deadline(const socket_handle& socket, std::chrono::milliseconds limit,
                call_kind kind = call_kind::statement);
  ~call_deadline();

  call_deadline(const call_deadline&) = delete;
  call_deadline& operator=(const call_deadline&) = delete;

  // Whether the socket was shut down because of it.
  bool passed() const;

private:
  std::list<watched_call>::iterator call_;
};

// A COMMIT that was given up may still be waiting on the server. It counts as waiting, see
// longest_commit_wait(), until this object ends or nobody has looked for it for a while: a state
// that only the next use could end must not keep that use away.
class given_up_commit {
public:
  using time_point = std::chrono::steady_clock::time_point;

  struct times {
    time_point begun;
    time_point seen; // was waiting then
  };

  // `process`: of the server, that it belongs to.
  given_up_commit(std::int64_t process, time_point begun);
  ~given_up_commit();

  given_up_commit(const given_up_commit&) = delete;
  given_up_commit& operator=(const given_up_commit&) = delete;

  // It still waits.
  void seen();

  std::int64_t process() const noexcept { return process_; }

private:
  std::int64_t process_;
  std::list<times>::iterator place_;
};

// Throws database_error (lost) when calls are cancelled.
void refuse_cancelled_calls();

void tell_database_listener(const std::string& sentence);

} // namespace ledgerd
