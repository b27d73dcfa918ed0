%% SPDX-License-Identifier: Apache-2.0
%% Tables (benchmark 12), and a call of a state machine.
-module(bench_tables).
-behaviour(gen_statem).
-export([ets_insert/1, ets_read/3, ets_write/3, ets_counter/3, ets_ord_lookup/3, ets_ord_insert/1,
         ets_ord_next/1, ets_select/1, statem_call/1, persistent_term/3]).
-export([init/1, callback_mode/0, adding/3]).

fill(_, Keys, Keys) -> ok;
fill(T, I, Keys) -> ets:insert(T, {I, I}), fill(T, I + 1, Keys).

ets_insert(Keys) ->
    M0 = erlang:memory(total),
    T = ets:new(bench, [named_table]),
    T0 = bench_lib:now_ns(),
    fill(T, 0, Keys),
    T1 = bench_lib:now_ns(),
    Keys = ets:info(T, size),
    bench_lib:report("ets_insert", Keys, T1 - T0,
                     [{bytes_per_key, (erlang:memory(total) - M0) / Keys}]).

next_random(X) -> X * 16807 rem 2147483647.

read(_, 0, _) -> ok;
read(Keys, N, X0) ->
    X = next_random(X0),
    [_] = ets:lookup(bench, X rem Keys),
    read(Keys, N - 1, X).

write(_, 0, _) -> ok;
write(Keys, N, X0) ->
    X = next_random(X0),
    K = X rem Keys,
    ets:insert(bench, {K, K}),
    write(Keys, N - 1, X).

counter(_, 0, _) -> ok;
counter(Keys, N, X0) ->
    X = next_random(X0),
    ets:update_counter(bench, X rem Keys, 1),
    counter(Keys, N - 1, X).

persistent(_, 0, _) -> ok;
persistent(Keys, N, X0) ->
    X = next_random(X0),
    {_, _} = persistent_term:get(X rem Keys),
    persistent(Keys, N - 1, X).

random_keys(Name, Type, Fun, P, Keys, N) ->
    T = ets:new(bench, [Type, named_table, public, {read_concurrency, true},
                        {write_concurrency, true}, {decentralized_counters, true}]),
    fill(T, 0, Keys),
    by_many(Name, Fun, P, Keys, N).

by_many(Name, Fun, P, Keys, N) ->
    Self = self(),
    Pids = [spawn_link(fun() -> receive go -> ok end, Fun(Keys, N div P, 42 + I), Self ! done end)
            || I <- lists:seq(0, P - 1)],
    T0 = bench_lib:now_ns(),
    [Pid ! go || Pid <- Pids],
    [receive done -> ok end || _ <- Pids],
    T1 = bench_lib:now_ns(),
    bench_lib:report(Name, N div P * P, T1 - T0).

persistent_term(P, Keys, N) ->
    [persistent_term:put(I, {I, I}) || I <- lists:seq(0, Keys - 1)],
    by_many("persistent_term", fun persistent/3, P, Keys, N).

ets_read(P, Keys, N) -> random_keys("ets_read", set, fun read/3, P, Keys, N).
ets_write(P, Keys, N) -> random_keys("ets_write", set, fun write/3, P, Keys, N).
ets_counter(P, Keys, N) -> random_keys("ets_counter", set, fun counter/3, P, Keys, N).
ets_ord_lookup(P, Keys, N) -> random_keys("ets_ord_lookup", ordered_set, fun read/3, P, Keys, N).

fill_at_random(_, Keys, Keys, _) -> ok;
fill_at_random(T, I, Keys, X0) ->
    X = next_random(X0),
    ets:insert(T, {X, I}),
    fill_at_random(T, I + 1, Keys, X).

ets_ord_insert(Keys) ->
    T = ets:new(bench, [named_table, ordered_set]),
    T0 = bench_lib:now_ns(),
    fill_at_random(T, 0, Keys, 42),
    T1 = bench_lib:now_ns(),
    bench_lib:report("ets_ord_insert", Keys, T1 - T0).

ets_ord_next(Keys) ->
    T = ets:new(bench, [named_table, ordered_set]),
    fill_at_random(T, 0, Keys, 42),
    T0 = bench_lib:now_ns(),
    Seen = walk(ets:first(bench), 0),
    T1 = bench_lib:now_ns(),
    Seen = ets:info(T, size),
    bench_lib:report("ets_ord_next", Seen, T1 - T0).

walk('$end_of_table', Seen) -> Seen;
walk(Key, Seen) ->
    [_] = ets:lookup(bench, Key),
    walk(ets:next(bench, Key), Seen + 1).

ets_select(Keys) ->
    T = ets:new(bench, [named_table]),
    fill(T, 0, Keys),
    Spec = [{{'$1', '$2'}, [{'==', {'rem', '$1', 10}, 0}], [true]}],
    T0 = bench_lib:now_ns(),
    Counts = [ets:select_count(bench, Spec) || _ <- [1, 2, 3]],
    T1 = bench_lib:now_ns(),
    Sum = lists:sum(Counts),
    Sum = 3 * ((Keys + 9) div 10),
    bench_lib:report("ets_select", 3 * Keys, T1 - T0).

init(Value) -> {ok, adding, Value}.
callback_mode() -> state_functions.
adding({call, From}, {add, N}, Value) -> {keep_state, Value + N, {reply, From, Value + N}}.

statem_call(N) ->
    {ok, Pid} = gen_statem:start_link(?MODULE, 0, []),
    T0 = bench_lib:now_ns(),
    N = calls(Pid, N, 0),
    T1 = bench_lib:now_ns(),
    bench_lib:report("statem_call", N, T1 - T0).

calls(_, 0, Last) -> Last;
calls(Pid, N, _) -> calls(Pid, N - 1, gen_statem:call(Pid, {add, 1})).
