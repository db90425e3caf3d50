// The looks of the daemon's own audit, one after the other. One node of a cluster looks for all;
// the others keep marks, and the one that takes over begins from an old one, so that it looks at
// what the other had not seen when it died.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "app/audit/mark_shelf.hpp"
#include "app/audit/steady_audit.hpp"
#include "app/daemon/audit_board.hpp"

namespace ledgerd {

// How large the next step is and how long it waits, so that the audit keeps up and takes a
// twentieth of one processor's time while there is other work. Pure.
class audit_pace {
public:
  static constexpr std::size_t least = 250;
  static constexpr std::size_t usual = 2000;
  static constexpr std::size_t most = 8000;

  // How many rows and results the next step looks at.
  std::size_t at_most() const noexcept { return at_most_; }

  // What to wait after a step that took so long, and did not see all that there is.
  std::chrono::milliseconds behind(std::chrono::milliseconds took, bool busy) noexcept;

  void caught_up() noexcept { at_most_ = usual; }

private:
  std::size_t at_most_ = usual;
};

enum class audit_step : std::uint8_t { rests, begins, goes_on };

// Whether this node looks now. One that loses the duty goes on until it has proven what was there
// by then and for a while after: whoever takes over may be younger than that. Pure.
class audit_turn {
public:
  explicit audit_turn(std::chrono::microseconds overlap) : overlap_(overlap) {}

  // `proven_to` counts while it looks: see steady_audit.
  audit_step next(bool on_duty, database_time now, database_time proven_to);

  // It has looked since it began: only then is there something to go on with.
  void looked() noexcept { looks_ = true; }

private:
  std::chrono::microseconds overlap_;
  bool looks_ = false;
  std::optional<database_time> until_; // off duty, and still looking
};

struct audit_times {
  std::chrono::milliseconds interval; // between two looks that have seen everything
  // What another node's audit had not seen when it died, and the rows whose results it waited for,
  // came after a mark that is so old.
  mark_shelf::ages marks{.between = std::chrono::minutes{3},
                         .used = steady_checks::result_patience + std::chrono::minutes{1}
                                 + 2 * interval};
  std::chrono::milliseconds overlap = std::chrono::minutes{1}; // see audit_turn
  std::chrono::minutes patience = steady_checks::result_patience;
};

// Belongs to one thread, which waits for database and broker.
class audit_looks {
public:
  // References outlive it.
  audit_looks(ledger_reader& ledger, broker& nats, audit_board& board, audit_duty duty,
              const audit_times& times);

  // What to wait until the next. Throws std::runtime_error; such a look is made again.
  std::chrono::milliseconds look();

  // In a long pause, as often as marks are taken: neither are they left out for it, nor does it
  // pass for a time in which nobody could look. Throws std::runtime_error.
  void attend();

private:
  void begin(const audit_mark& from);
  std::chrono::milliseconds step();
  void report();

  ledger_reader& ledger_;
  broker& nats_;
  audit_board& board_;
  const audit_duty duty_;
  const audit_times times_;
  mark_shelf marks_;
  audit_turn turn_;
  look_watch watch_;                    // off duty, too
  std::unique_ptr<steady_audit> audit_; // null: it has never looked
  audit_pace pace_;
  std::uint64_t last_request_ = 0;
  std::size_t reported_ = 0; // findings in the log
};

} // namespace ledgerd
