%% SPDX-License-Identifier: Apache-2.0
%% timers and timer_cancel.
-module(bench_timers).
-export([timers/1, timer_cancel/1]).

%% --- 9a timers N -----------------------------------------------------------------------------

timers(N) ->
    Cpu0 = bench_lib:cpu_seconds(),
    T0 = bench_lib:now_ns(),
    start(N, 42),
    T1 = bench_lib:now_ns(),
    Late = receive_all(N, []),
    T2 = bench_lib:now_ns(),
    Cpu = bench_lib:cpu_seconds() - Cpu0,
    true = lists:min(Late) >= 0,
    bench_lib:report("timers", N, T2 - T0,
                     [{"start_rate", N * 1.0e9 / (T1 - T0)}, {"cpu_s", Cpu}
                      | bench_lib:percentiles("", Late)]).

start(0, _) ->
    ok;
start(N, X) ->
    Next = bench_lib:random(X),
    Ms = Next rem 1000 + 1,
    Due = bench_lib:now_ns() + Ms * 1000000,
    erlang:send_after(Ms, self(), {due, Due}),
    start(N - 1, Next).

receive_all(0, Late) ->
    Late;
receive_all(N, Late) ->
    receive {due, Due} -> receive_all(N - 1, [bench_lib:now_ns() - Due | Late]) end.

%% --- 9b timer_cancel N -----------------------------------------------------------------------

timer_cancel(N) ->
    cancel(N div 10),
    T0 = bench_lib:now_ns(),
    cancel(N),
    T1 = bench_lib:now_ns(),
    {message_queue_len, 0} = process_info(self(), message_queue_len),
    bench_lib:report("timer_cancel", N, T1 - T0).

cancel(0) ->
    ok;
cancel(N) ->
    Ref = erlang:start_timer(10000, self(), never),
    Left = erlang:cancel_timer(Ref),
    true = is_integer(Left),
    cancel(N - 1).
