%% SPDX-License-Identifier: Apache-2.0
%% Raw messages between plain processes: ping_pong, ring, big, chameneos, selective.
-module(bench_messages).
-export([ping_pong/1, ring/3, big/2, chameneos/2, selective/2]).

%% --- 1 ping_pong N ---------------------------------------------------------------------------

ping_pong(N) ->
    B = spawn_link(fun() -> pong_loop(0) end),
    ok = ping_loop(N div 10, B),
    T0 = bench_lib:now_ns(),
    ok = ping_loop(N, B),
    T1 = bench_lib:now_ns(),
    B ! {count, self()},
    Total = N + N div 10,
    receive {count, Total} -> ok end,
    bench_lib:report("ping_pong", N, T1 - T0).

ping_loop(0, _) ->
    ok;
ping_loop(N, B) ->
    B ! {ping, self()},
    receive pong -> ok end,
    ping_loop(N - 1, B).

pong_loop(Count) ->
    receive
        {ping, From} -> From ! pong, pong_loop(Count + 1);
        {count, From} -> From ! {count, Count}
    end.

%% --- 6 ring A T H ----------------------------------------------------------------------------

%% Node 0 gets all tokens; a token of K hops is reported by node K rem A.
ring(A, T, H) ->
    Hops = H div T,
    Main = self(),
    Last = spawn_link(fun() -> receive {next, Next} -> ring_node(A - 1, Next, Main) end end),
    First = lists:foldl(
        fun(Id, Next) -> spawn_link(fun() -> ring_node(Id, Next, Main) end) end,
        Last, lists:seq(A - 2, 0, -1)),
    Last ! {next, First},
    T0 = bench_lib:now_ns(),
    bench_lib:each(T, fun() -> First ! Hops end),
    End = Hops rem A,
    bench_lib:each(T, fun() -> receive {token, Id} -> Id = End end end),
    T1 = bench_lib:now_ns(),
    bench_lib:report("ring", Hops * T, T1 - T0).

ring_node(Id, Next, Main) ->
    receive
        0 -> Main ! {token, Id};
        K -> Next ! K - 1
    end,
    ring_node(Id, Next, Main).

%% --- 7 big A M -------------------------------------------------------------------------------

big(A, M) ->
    Main = self(),
    Pids = [spawn_link(fun() -> receive {all, All} -> big_start(All, M, Seed, Main) end end)
            || Seed <- lists:seq(1, A)],
    All = list_to_tuple(Pids),
    [P ! {all, All} || P <- Pids],
    [receive ready -> ok end || _ <- Pids],
    T0 = bench_lib:now_ns(),
    [P ! go || P <- Pids],
    [receive done -> ok end || _ <- Pids],
    T1 = bench_lib:now_ns(),
    [P ! stop || P <- Pids],
    Answered = lists:sum([receive {answered, Count} -> Count end || _ <- Pids]),
    true = Answered =:= A * M,
    bench_lib:report("big", A * M, T1 - T0).

big_start(All, M, Seed, Main) ->
    Main ! ready,
    big_wait_go(All, M, Seed, Main, 0).

big_wait_go(All, M, Seed, Main, Answered) ->
    receive
        go -> big_ping(All, M, Seed, Main, Answered);
        {ping, From} -> From ! pong, big_wait_go(All, M, Seed, Main, Answered + 1)
    end.

big_ping(_, 0, _, Main, Answered) ->
    Main ! done,
    big_rest(Main, Answered);
big_ping(All, M, X, Main, Answered) ->
    Next = bench_lib:random(X),
    element(Next rem tuple_size(All) + 1, All) ! {ping, self()},
    big_await(All, M, Next, Main, Answered).

big_await(All, M, X, Main, Answered) ->
    receive
        {ping, From} -> From ! pong, big_await(All, M, X, Main, Answered + 1);
        pong -> big_ping(All, M - 1, X, Main, Answered)
    end.

big_rest(Main, Answered) ->
    receive
        {ping, From} -> From ! pong, big_rest(Main, Answered + 1);
        stop -> Main ! {answered, Answered}
    end.

%% --- 8 chameneos C N -------------------------------------------------------------------------

chameneos(C, N) ->
    Main = self(),
    Mall = self(),
    Creatures = [spawn_link(fun() -> receive go -> creature(Mall, I rem 3, 0, Main) end end)
                 || I <- lists:seq(0, C - 1)],
    T0 = bench_lib:now_ns(),
    [P ! go || P <- Creatures],
    mall(N),
    T1 = bench_lib:now_ns(),
    bench_lib:each(C, fun() -> receive {meet, P, _} -> P ! stop end end),
    Met = lists:sum([receive {met, Count} -> Count end || _ <- Creatures]),
    true = Met =:= 2 * N,
    bench_lib:report("chameneos", N, T1 - T0).

mall(0) ->
    ok;
mall(N) ->
    receive
        {meet, P1, Colour1} ->
            receive
                {meet, P2, Colour2} ->
                    P1 ! {other, Colour2},
                    P2 ! {other, Colour1},
                    mall(N - 1)
            end
    end.

creature(Mall, Colour, Met, Main) ->
    Mall ! {meet, self(), Colour},
    receive
        {other, Other} -> creature(Mall, complement(Colour, Other), Met + 1, Main);
        stop -> Main ! {met, Met}
    end.

complement(Colour, Colour) -> Colour;
complement(A, B) -> 3 - A - B.

%% --- 11a selective B N -----------------------------------------------------------------------

selective(B, N) ->
    [self() ! {noise, I} || I <- lists:seq(1, B)],
    Peer = spawn_link(fun() -> pong_loop(0) end),
    ok = ping_loop(N div 10, Peer),
    T0 = bench_lib:now_ns(),
    ok = ping_loop(N, Peer),
    T1 = bench_lib:now_ns(),
    {message_queue_len, B} = process_info(self(), message_queue_len),
    bench_lib:report("selective", N, T1 - T0).
