%% SPDX-License-Identifier: Apache-2.0
%% The child of bench_supervisors: a server that may tell of its start from its init.
-module(bench_child).
-behaviour(gen_server).
-export([start_link/1]).
-export([init/1, handle_call/3, handle_cast/2]).

start_link(Arg) ->
    gen_server:start_link(?MODULE, Arg, []).

init({_, none}) ->
    {ok, none};
init({Id, Report}) ->
    Report ! {started, Id, self()},
    {ok, none}.

handle_call(_, _, State) -> {reply, ok, State}.
handle_cast(_, State) -> {noreply, State}.
