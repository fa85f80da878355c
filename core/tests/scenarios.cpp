#include "scenarios.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mimocorb::testing {
namespace {

void nothing(Stage&) {}

// --- states made by the parent

void one_event(Stage& stage) { stage.put(stage.writer.get(), 1); }
void three_events(Stage& stage) { stage.put(stage.writer.get(), 3); }
void full(Stage& stage) { stage.put(stage.writer.get(), kSlots); }

// The colleague of group 0 holds the oldest event, one of group 1 has finished with it.
void oldest_is_held(Stage& stage) {
  three_events(stage);
  stage.colleagues.push_back(stage.open_reader(0));
  must(stage.colleagues[0]->take(1).status == kOk, "nothing to take");
  stage.colleagues.push_back(stage.open_reader(1));
  must(stage.colleagues[1]->take(1).status == kOk, "nothing to take");
  stage.colleagues[1]->acknowledge();
}

// Group 1 has finished with everything: group 0 is the last one that each event waits for.
void others_have_finished(Stage& stage) {
  three_events(stage);
  const auto reader = stage.open_reader(1);
  while (reader->advance().status == kOk) {
  }
}

// Slots have gone round, so that queues begin somewhere in the middle of their space.
void gone_round(Stage& stage) {
  stage.put(stage.writer.get(), 3);
  for (std::uint32_t group = 0; group < 2; ++group) {
    const auto reader = stage.open_reader(group);
    while (reader->advance().status == kOk) {
    }
  }
  stage.put(stage.writer.get(), 3);
}

void parent_claims_too(Stage& stage) {
  one_event(stage);
  stage.claim_and_fill(stage.writer.get(), 1);
}

void no_other_writer(Stage& stage) {
  three_events(stage);
  must(stage.control.promise(stage.token, 1).ok(), "no promise");
  stage.writer.reset();
}

// Whoever writes next is the only one, and may have a slot reserved.
void nobody_writes(Stage& stage) {
  one_event(stage);
  must(stage.control.promise(stage.token, 1).ok(), "no promise");
  stage.writer.reset();
}

void paused(Stage& stage) {
  one_event(stage);
  stage.control.pause(true);
}

// Three events were asked for, two are there.
void one_is_missing(Stage& stage) {
  stage.put(stage.writer.get(), 2);
  stage.control.end_after(3);
}

// Two processes have died, holding a slot and an event.
void two_dead(Stage& stage) {
  three_events(stage);
  for (const bool as_writer : {true, false}) {
    const pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
      if (as_writer) {
        const auto writer = stage.open_writer();
        stage.claim_and_fill(writer.get(), 1);
        raise(SIGKILL);
      }
      const auto reader = stage.open_reader(1);
      reader->take(2);
      raise(SIGKILL);
    }
    int status = 0;
    must(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "a helper was not killed");
  }
}

// --- what the child holds before it is stepped

void writes(Stage& stage) { stage.own_writer = stage.open_writer(); }
void writes_as_promised(Stage& stage) {
  must(WriterPort::open(stage.segment, stage.token, &stage.own_writer).ok(), "no writer");
}
// On a handle that another writer had before.
void was_refused(Stage& stage) {
  writes(stage);
  stage.own_writer->refuse();
  writes(stage);
  stage.own_writer->refuse();
}
void holds_a_slot(Stage& stage) {
  writes(stage);
  stage.claim_and_fill(stage.own_writer.get(), 1);
}
void holds_three_slots(Stage& stage) {
  writes(stage);
  stage.claim_and_fill(stage.own_writer.get(), 3);
}
void holds_the_promised_slot(Stage& stage) {
  writes_as_promised(stage);
  stage.claim_and_fill(stage.own_writer.get(), 1);
}
void has_a_reservation(Stage& stage) {
  writes_as_promised(stage);
  stage.put(stage.own_writer.get(), 1);
}
void holds_what_was_reserved(Stage& stage) {
  has_a_reservation(stage);
  const Run run = stage.own_writer->advance();
  must(run.status == kOk, "nothing reserved");
  fill(*stage.segment, run.first, stage.next_id);
  stage.own_writer->set_metadata(run.first, {stage.next_id++, 1.0, 0.0});
}
void reads(Stage& stage) { stage.own_reader = stage.open_reader(0); }
void holds_an_event(Stage& stage) {
  reads(stage);
  must(stage.own_reader->take(1).status == kOk, "nothing to take");
}
void holds_two_events(Stage& stage) {
  reads(stage);
  for (int i = 0; i < 2; ++i)
    must(stage.own_reader->take(1).status == kOk, "nothing to take");
}
void holds_three_events(Stage& stage) {
  reads(stage);
  must(stage.own_reader->take(3).count == 3, "too little to take");
}
void observes(Stage& stage) {
  stage.own_observer = std::make_unique<ObserverPort>(stage.segment);
}
// Memory for results is there before, so that malloc is not what is tested.
void may_write(Stage& stage) { must(stage.control.promise(stage.token, 1).ok(), "no promise"); }

// --- operations

void claim_one(Stage& stage) { stage.own_writer->claim(1); }
void claim_three(Stage& stage) { stage.own_writer->claim(3); }
void publish(Stage& stage) { stage.own_writer->publish(); }
void publish_two(Stage& stage) { stage.own_writer->publish(2); }
void abort_all(Stage& stage) { stage.own_writer->abort(); }
void advance_writer(Stage& stage) { stage.own_writer->advance(); }
void set_metadata(Stage& stage) { stage.own_writer->set_metadata(1, {5, 2.0, 0.5}); }
void fill_slot(Stage& stage) {
  static const std::uint8_t source[kSlotBytes] = {};
  stage.own_writer->fill(1, source);
}
void take_one(Stage& stage) { stage.own_reader->take(1); }
void take_three(Stage& stage) { stage.own_reader->take(3); }
void acknowledge(Stage& stage) { stage.own_reader->acknowledge(); }
void acknowledge_two(Stage& stage) { stage.own_reader->acknowledge_first(2); }
void quarantine(Stage& stage) { stage.own_reader->quarantine(); }
void give_back(Stage& stage) { stage.own_reader->give_back(); }
void step_aside(Stage& stage) { stage.own_reader->give_back(false); }
void wait_for_turn(Stage& stage) {
  stage.own_reader->wait_turn(stage.own_reader->in_hand().front(), 1'000'000, 2'000);
}
void advance_reader(Stage& stage) { stage.own_reader->advance(); }
void refuse(Stage& stage) { stage.own_writer->refuse(); }
void close_writer(Stage& stage) { stage.own_writer->close(); }
void close_reader(Stage& stage) { stage.own_reader->close(); }
void wait_for_space(Stage& stage) { stage.own_writer->wait(1'000'000, 2'000); }
void wait_for_data(Stage& stage) { stage.own_reader->wait_and_take(2, 1'000'000, 2'000); }
void open_writer(Stage& stage) { WriterPort::open(stage.segment, stage.token, &stage.own_writer); }
void open_reader(Stage& stage) { ReaderPort::open(stage.segment, 0, &stage.own_reader); }
void snapshot(Stage& stage) {
  std::uint8_t target[kSlotBytes];
  Snapshot seen{};
  stage.own_observer->snapshot(target, &seen);
}
void add_group(Stage& stage) {
  std::uint32_t group = 0;
  stage.control.add_group(&group);
}
void remove_group(Stage& stage) {
  std::uint64_t abandoned = 0;
  stage.control.remove_group(0, &abandoned);
}
void add_token(Stage& stage) {
  std::uint32_t token = 0;
  stage.control.add_token(&token);
}
void promise(Stage& stage) { stage.control.promise(stage.token, 2); }
void release(Stage& stage) { stage.control.promise(stage.token, -1); }
void pause(Stage& stage) { stage.control.pause(true); }
void resume(Stage& stage) { stage.control.pause(false); }
void end_writers(Stage& stage) { stage.control.end_writers(); }
void end_after_three(Stage& stage) { stage.control.end_after(3); }
void end_readers(Stage& stage) { stage.control.end_readers(); }
void wait_drained(Stage& stage) { stage.control.wait_drained(1'000'000); }
void ledger(Stage& stage) { stage.control.ledger(); }
void held(Stage& stage) { stage.control.held(); }
void reap(Stage& stage) { stage.control.reap(true); }

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {
      {"claim the first slot", 2, nothing, writes, claim_one, {.claims = 1}},
      {"claim the last slot", 2, three_events, writes, claim_one, {.claims = 1}},
      {"claim when none is free", 2, full, writes, claim_one, {}},
      {"claim three slots", 2, gone_round, writes, claim_three, {.claims = 3}},
      {"claim an event that no group needs", 0, full, writes, claim_one, {.claims = 1}},
      {"set metadata", 2, one_event, holds_a_slot, set_metadata, {}},
      {"fill a slot", 2, one_event, holds_a_slot, fill_slot, {}},
      {"publish the first event", 2, nothing, holds_a_slot, publish, {.publishes = 1}},
      {"publish into the last slot", 2, three_events, holds_a_slot, publish, {.publishes = 1}},
      {"publish three at once", 2, one_event, holds_three_slots, publish, {.publishes = 3}},
      {"publish two of three", 2, one_event, holds_three_slots, publish_two, {.publishes = 2}},
      {"publish without groups", 0, one_event, holds_a_slot, publish, {.publishes = 1}},
      {"publish beside another writer", 2, parent_claims_too, holds_a_slot, publish, {.publishes = 1}},
      {"publish the last that was asked for", 2, one_is_missing, holds_a_slot, publish, {.publishes = 1}},
      {"publish and claim", 2, one_event, holds_a_slot, advance_writer, {.claims = 1, .publishes = 1}},
      {"publish and reserve", 2, nobody_writes, holds_the_promised_slot, publish, {.publishes = 1}},
      {"claim what is reserved", 2, nobody_writes, has_a_reservation, advance_writer, {.claims = 1}},
      {"publish what was reserved", 2, nobody_writes, holds_what_was_reserved, publish, {.publishes = 1}},
      {"abort what was reserved", 2, nobody_writes, holds_what_was_reserved, abort_all, {.aborts = 1}},
      {"claim two beside a reservation", 2, nobody_writes, has_a_reservation, claim_three, {.claims = 3}},
      {"close a writer with a reservation", 2, nobody_writes, has_a_reservation, close_writer, {}},
      {"open a writer beside a reservation", 2, one_event, may_write, open_writer, {}},
      {"abort three", 2, one_event, holds_three_slots, abort_all, {.aborts = 3}},
      {"take the first event", 2, three_events, reads, take_one, {.takes = 1}},
      {"take beside a colleague", 2, oldest_is_held, reads, take_one, {.takes = 1}},
      {"take three at once", 2, gone_round, reads, take_three, {.takes = 3}},
      {"take when there is none", 2, nothing, reads, take_one, {}},
      {"acknowledge first of the groups", 2, three_events, holds_an_event, acknowledge, {.acknowledges = 1}},
      {"acknowledge last of the groups", 2, others_have_finished, holds_two_events, acknowledge, {.acknowledges = 2}},
      {"acknowledge two of three", 2, others_have_finished, holds_three_events, acknowledge_two, {.acknowledges = 2}},
      {"acknowledge and take", 2, gone_round, holds_an_event, advance_reader, {.takes = 1, .acknowledges = 1}},
      {"quarantine two", 2, others_have_finished, holds_two_events, quarantine, {.quarantines = 2}},
      {"give back the oldest", 2, three_events, holds_an_event, give_back, {}},
      {"give back between", 2, oldest_is_held, holds_two_events, give_back, {}},
      {"give back after going round", 2, gone_round, holds_two_events, give_back, {}},
      {"step aside for an earlier one", 2, oldest_is_held, holds_two_events, step_aside, {}},
      {"wait for the turn", 2, oldest_is_held, holds_an_event, wait_for_turn, {}},
      {"open a writer", 2, three_events, may_write, open_writer, {}},
      {"open a reader", 2, three_events, nothing, open_reader, {}},
      {"close a writer with a slot", 2, one_event, holds_a_slot, close_writer, {.aborts = 1}},
      {"close the last writer", 2, no_other_writer, holds_the_promised_slot, close_writer, {.aborts = 1}},
      {"close a reader with an event", 2, three_events, holds_an_event, close_reader, {}},
      {"give up a claim while full", 2, full, was_refused, refuse, {.refusals = 1}},
      {"give up a claim while paused", 2, paused, was_refused, refuse, {.refusals = 1}},
      {"close a writer that was refused", 2, full, was_refused, close_writer, {}},
      {"wait for space", 2, full, writes, wait_for_space, {}},
      {"wait while paused", 2, paused, writes, wait_for_space, {}},
      {"wait for data", 2, nothing, reads, wait_for_data, {}},
      {"add a group late", 1, three_events, nothing, add_group, {.adds_group = true}},
      {"add the first group", 0, three_events, nothing, add_group, {.adds_group = true}},
      {"remove a group", 2, others_have_finished, holds_an_event, remove_group, {.removes_group_0 = true}},
      {"remove the last group", 1, three_events, holds_an_event, remove_group, {.removes_group_0 = true}},
      {"add a token", 2, one_event, nothing, add_token, {}},
      {"promise two writers", 2, one_event, nothing, promise, {}},
      {"take back a promise", 2, no_other_writer, nothing, release, {}},
      {"pause", 2, one_event, nothing, pause, {}},
      {"resume", 2, paused, nothing, resume, {}},
      {"end the writers", 2, three_events, holds_a_slot, end_writers, {}},
      {"end after what is there", 2, three_events, holds_a_slot, end_after_three, {}},
      {"end the readers", 2, three_events, holds_an_event, end_readers, {}},
      {"wait until drained", 2, one_event, nothing, wait_drained, {}},
      {"snapshot", 2, three_events, observes, snapshot, {}},
      {"ledger", 2, three_events, nothing, ledger, {}},
      {"what is held", 2, oldest_is_held, nothing, held, {}},
      {"reap two dead processes", 2, two_dead, nothing, reap, {}},
  };
  return all;
}

}  // namespace mimocorb::testing
