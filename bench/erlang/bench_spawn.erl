%% SPDX-License-Identifier: Apache-2.0
%% Processes by the million: spawn, fork_join, fork_join_raw.
-module(bench_spawn).
-behaviour(gen_server).
-export([spawn_exit/2, fork_join/1, fork_join_raw/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

init(I) ->
    {ok, I}.

handle_call(_, _, I) -> {reply, ok, I}.
handle_cast(_, I) -> {noreply, I}.

handle_info({get, From}, I) ->
    From ! I,
    {noreply, I}.

%% --- 5a spawn N B ----------------------------------------------------------------------------

spawn_exit(N, B) ->
    Batches = N div B,
    T0 = bench_lib:now_ns(),
    Seen = batches(Batches, B, 0),
    T1 = bench_lib:now_ns(),
    Seen = Batches * B,
    bench_lib:report("spawn", Seen, T1 - T0).

batches(0, _, Seen) ->
    Seen;
batches(Batches, B, Seen) ->
    bench_lib:each(B, fun() -> spawn_monitor(fun() -> ok end) end),
    batches(Batches - 1, B, Seen + downs(B, 0)).

downs(0, Seen) ->
    Seen;
downs(B, Seen) ->
    receive {'DOWN', _, process, _, normal} -> downs(B - 1, Seen + 1) end.

%% --- 5b fork_join N --------------------------------------------------------------------------

fork_join(N) ->
    fork_join("fork_join", N,
              fun(I) -> {ok, P} = gen_server:start(?MODULE, I, []), P end).

fork_join_raw(N) ->
    fork_join("fork_join_raw", N, fun(I) -> spawn(fun() -> raw_loop(I) end) end).

raw_loop(I) ->
    receive {get, From} -> From ! I, raw_loop(I) end.

fork_join(Name, N, Start) ->
    Rss0 = bench_lib:memory("VmRSS"),
    T0 = bench_lib:now_ns(),
    Pids = start_all(N, Start, []),
    wait_idle(),
    T1 = bench_lib:now_ns(),
    Rss1 = bench_lib:memory("VmRSS"),
    T2 = bench_lib:now_ns(),
    [P ! {get, self()} || P <- Pids],
    Sum = sum_answers(N, 0),
    T3 = bench_lib:now_ns(),
    Sum = N * (N + 1) div 2,
    bench_lib:report(Name, N, (T1 - T0) + (T3 - T2),
                     [{"spawn_rate", N * 1.0e9 / (T1 - T0)}, {"msg_rate", N * 1.0e9 / (T3 - T2)},
                      {"bytes_per_proc", (Rss1 - Rss0) / N},
                      {"peak_mb", bench_lib:memory("VmHWM") / 1.0e6}]).

start_all(0, _, Pids) -> Pids;
start_all(I, Start, Pids) -> start_all(I - 1, Start, [Start(I) | Pids]).

%% A synchronous start returns just before the server waits; a plain spawn long before.
wait_idle() ->
    case erlang:statistics(total_run_queue_lengths) of
        0 -> ok;
        _ -> erlang:yield(), wait_idle()
    end.

sum_answers(0, Sum) -> Sum;
sum_answers(N, Sum) -> receive I when is_integer(I) -> sum_answers(N - 1, Sum + I) end.
