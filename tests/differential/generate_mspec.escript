#!/usr/bin/env escript
%% SPDX-License-Identifier: Apache-2.0
%% Scenarios of family mspec, and what this emulator makes of them:
%%
%%     escript generate_mspec.escript SEED COUNT FILE      writes FILE.scn and FILE.exp
%%
%% Specifications are random: most are well-formed, some use a variable or a function that is not
%% there. Functions of newer releases are left out.
-mode(compile).

-define(STEPS, 20).

main([Seed, Count, File]) ->
    rand:seed(exsss, {list_to_integer(Seed), 1, 2}),
    {ok, Scn} = file:open(File ++ ".scn", [write]),
    {ok, Exp} = file:open(File ++ ".exp", [write]),
    [scenario(Scn, Exp, Seed, N) || N <- lists:seq(1, list_to_integer(Count))],
    file:close(Scn),
    file:close(Exp).

scenario(Scn, Exp, Seed, N) ->
    io:format(Scn, "scn gen-~s-~w\nfamily mspec\ntags -\n", [Seed, N]),
    io:format(Exp, "scn gen-~s-~w\n", [Seed, N]),
    [step(Scn, Exp, I) || I <- lists:seq(1, ?STEPS)],
    io:format(Scn, "end\n", []),
    io:format(Exp, "end\n", []).

step(Scn, Exp, I) ->
    List = [object() || _ <- lists:seq(1, rand:uniform(5))],
    Spec = [clause(List) || _ <- lists:seq(1, rand:uniform(3))],
    io:format(Scn, "~w ms ~s ~s\n", [I, text(List), text(Spec)]),
    Outcome = try ets:match_spec_compile(Spec) of
        Compiled -> text(ets:match_spec_run(List, Compiled))
    catch error:badarg -> "err"
    end,
    io:format(Exp, "~w ms ~s\n", [I, Outcome]).

pick(List) -> lists:nth(rand:uniform(length(List)), List).

%% --- Terms ---

object() -> list_to_tuple([term(2) || _ <- lists:seq(1, rand:uniform(4))]).

term(0) ->
    pick([0, 1, -1, 2, 5, 255, 1.0, 2.0, -2.5, 1.0e10, 1 bsl 59, -(1 bsl 60), 1 bsl 64, (1 bsl 100) + 7,
          a, b, true, false, '_x', "", <<>>, <<"ab">>, <<5:3>>, []]);
term(Depth) ->
    case rand:uniform(8) of
        1 -> list_to_tuple([term(Depth - 1) || _ <- lists:seq(1, rand:uniform(4) - 1)]);
        2 -> [term(Depth - 1) || _ <- lists:seq(1, rand:uniform(4) - 1)];
        3 -> maps:from_list([{pick([a, b, 1, 1.0, "k"]), term(Depth - 1)} || _ <- lists:seq(1, rand:uniform(3))]);
        4 -> [term(Depth - 1) | term(Depth - 1)];
        _ -> term(0)
    end.

%% --- Specifications ---

clause(List) ->
    Head = head(pick(List), 2),
    Variables = case rand:uniform(30) of 1 -> ['$7']; _ -> variables(Head) end,
    {Head, [expression(3, Variables) || _ <- lists:seq(1, rand:uniform(3) - 1)],
     [expression(3, Variables) || _ <- lists:seq(1, rand:uniform(2))]}.

%% Something like the object, with holes.
head(Term, Depth) ->
    case rand:uniform(10) of
        N when N =< 3 -> pick(['$1', '$2', '$3', '$11']);
        4 -> '_';
        5 -> term(1);
        _ when is_tuple(Term), Depth > 0 ->
            list_to_tuple([head(Element, Depth - 1) || Element <- tuple_to_list(Term)]);
        _ when is_map(Term), Depth > 0 ->
            maps:map(fun(_, Value) -> head(Value, Depth - 1) end, maps:filter(fun(_, _) -> rand:uniform(3) > 1 end, Term));
        _ when is_list(Term), Term =/= [], Depth > 0 -> [head(hd(Term), Depth - 1) | head(tl(Term), Depth - 1)];
        _ -> Term
    end.

variables(Term) when is_tuple(Term) -> lists:usort(lists:append([variables(E) || E <- tuple_to_list(Term)]));
variables([H | T]) -> lists:usort(variables(H) ++ variables(T));
variables(Map) when is_map(Map) -> variables(list_to_tuple(maps:values(Map)));
variables(Atom) when is_atom(Atom) ->
    case atom_to_list(Atom) of [$$, Digit | _] when Digit >= $0, Digit =< $9 -> [Atom]; _ -> [] end;
variables(_) -> [].

expression(0, Variables) ->
    case rand:uniform(4) of
        1 -> {const, term(1)};
        2 -> pick(['$_', '$$', true, false, 1, 2.5, a, [], <<"bin">>, 1 bsl 70]);
        _ when Variables =/= [] -> pick(Variables);
        _ -> '$_'
    end;
expression(Depth, Variables) ->
    E = fun() -> expression(Depth - 1, Variables) end,
    case rand:uniform(40) of
        1 -> {pick(['is_atom', is_float, is_integer, is_list, is_number, is_pid, is_port, is_reference, is_tuple, is_map,
                    is_binary, is_function]), E()};
        2 -> {pick(['==', '=:=', '/=', '=/=', '<', '>', '=<', '>=']), E(), E()};
        3 -> {pick(['==', '=:=', '<', '>']), E(), E()};
        4 -> {pick(['+', '-', '*', '/', 'div', 'rem', 'band', 'bor', 'bxor']), E(), E()};
        5 -> {pick(['+', '-', 'abs', 'round', 'trunc', 'float', 'bnot', 'not']), E()};
        6 -> {pick(['bsl', 'bsr']), E(), pick([0, 1, -1, 3, 64, 70, -65])};
        7 -> {pick([hd, tl, length, size, bit_size, byte_size, map_size]), E()};
        8 -> {element, pick([1, 2, 3, 0]), E()};
        9 -> list_to_tuple([pick(['and', 'or', 'andalso', 'orelse']) | [E() || _ <- lists:seq(1, rand:uniform(3))]]);
        10 -> {pick(['xor', 'andalso', 'orelse']), E(), E()};
        11 -> {list_to_tuple([E() || _ <- lists:seq(1, rand:uniform(4) - 1)])};
        12 -> [E() || _ <- lists:seq(1, rand:uniform(3))];
        13 -> pick([{pick([map_get, is_map_key]), pick([a, b, {const, "k"}]), E()}, #{a => E(), E() => 1},
                    {is_record, E(), a, 2}, {foo, E()}, {self_made}]);
        N when N > 13, N =< 18 -> E();
        N when N > 26 -> expression(0, Variables);
        N when N > 18, N =< 22 -> {pick(['is_integer', is_atom, is_list]), E()};
        _ -> {pick(['==', '<', '+', '-', 'band']), E(), E()}
    end.

%% --- The notation of scenarios ---

text(T) when is_integer(T) -> integer_to_list(T);
text(T) when is_float(T) -> [$~, hex(<<T/float>>)];
text(T) when is_atom(T) -> atom_text(atom_to_list(T));
text(T) when is_binary(T) -> [$#, hex(T)];
text(T) when is_bitstring(T) ->
    Rest = bit_size(T) rem 8,
    [$#, hex(<<T/bitstring, 0:(8 - Rest)>>), $:, integer_to_list(Rest)];
text(T) when is_tuple(T) -> [${, lists:join($,, [text(E) || E <- tuple_to_list(T)]), $}];
text(T) when is_map(T) ->
    Keys = lists:sort(fun(A, B) -> A < B orelse (A == B andalso lists:flatten(text(A)) =< lists:flatten(text(B))) end,
                      maps:keys(T)),
    ["%{", lists:join($,, [[text(K), "=>", text(maps:get(K, T))] || K <- Keys]), $}];
text([]) -> "[]";
text([H | T]) -> [$[, text(H), rest(T)].

rest([]) -> "]";
rest([H | T]) -> [$,, text(H), rest(T)];
rest(T) -> [$|, text(T), $]].

hex(Bytes) -> [io_lib:format("~2.16.0B", [B]) || <<B>> <= Bytes].

atom_text([C | _] = Text) when C >= $a, C =< $z ->
    case lists:all(fun(X) -> X =:= $_ orelse (X >= $0 andalso X =< $9) orelse (X >= $a andalso X =< $z) orelse
                             (X >= $A andalso X =< $Z) end, Text) of
        true -> Text;
        false -> quoted(Text)
    end;
atom_text(Text) -> quoted(Text).

quoted(Text) -> [$', [case X < 16#21 orelse X > 16#7e orelse X =:= $' orelse X =:= $\\ of
                          true -> io_lib:format("\\x~2.16.0B", [X]);
                          false -> X
                      end || X <- Text], $'].
