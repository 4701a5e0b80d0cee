;; Where a JSON value ends, found at several gigabytes a second: skip.ts says what for. `bun run assemble` makes skip-wasm.ts of it.
;;
;; The body is laid into memory window by window. A walk that reaches the end of a window keeps its place in the globals and
;; goes on in the next one. Atoms (numbers, true, false, null) are checked by the caller, who also says what is wrong with a
;; body: here a mistake is only noticed.

(module
  ;; One page of 64 KiB. From 0: the closing byte of each open container, so that there is room for 1 024 levels. From WINDOW
  ;; on: a window, so small that it and the bytes it is copied from stay in the processor's nearest cache, and behind it 64
  ;; bytes that may be read but say nothing.
  (memory (export "memory") 1)
  (global (export "WINDOW") i32 (i32.const 1024))
  (global (export "WINDOW_BYTES") i32 (i32.const 16384))

  ;; How a call ends, in the two lowest bits of its result; the place in the window stands above them.
  (global $DONE i32 (i32.const 0)) ;; the value ends before this place
  (global $MORE i32 (i32.const 1)) ;; go on from here in the next window
  (global $ATOM i32 (i32.const 2)) ;; an atom begins here; go on behind it
  (global $BAD i32 (i32.const 3))  ;; no JSON, or nested too deep

  ;; What may come next.
  (global $VALUE i32 (i32.const 0))
  (global $ELEMENT_OR_END i32 (i32.const 1))
  (global $KEY_OR_END i32 (i32.const 2))
  (global $KEY i32 (i32.const 3))
  (global $COLON i32 (i32.const 4))
  (global $COMMA_OR_END i32 (i32.const 5))

  (global $SPACE i32 (i32.const 0x20))
  (global $QUOTE i32 (i32.const 0x22))
  (global $COMMA i32 (i32.const 0x2c))
  (global $OPEN_BRACKET i32 (i32.const 0x5b))
  (global $BACKSLASH i32 (i32.const 0x5c))
  (global $CLOSE_BRACKET i32 (i32.const 0x5d))
  (global $OPEN_BRACE i32 (i32.const 0x7b))
  (global $CLOSE_BRACE i32 (i32.const 0x7d))
  (global $COLON_QUOTE i32 (i32.const 0x223a)) ;; two bytes, as a little-endian word
  (global $COMMA_QUOTE i32 (i32.const 0x222c))
  (global $ODD i64 (i64.const 0xaaaaaaaaaaaaaaaa)) ;; every second bit

  (global $expected (mut i32) (i32.const 0))
  (global $depth (mut i32) (i32.const 0))
  (global $room (mut i32) (i32.const 0))
  (global $inString (mut i32) (i32.const 0))
  (global $escaped (mut i64) (i64.const 0)) ;; 1: the next byte of the string is escaped

  ;; A new value; it may nest `room` levels deep, 1 024 at most.
  (func (export "begin") (param $room i32)
    (global.set $expected (global.get $VALUE))
    (global.set $depth (i32.const 0))
    (global.set $room (local.get $room))
    (global.set $inString (i32.const 0))
    (global.set $escaped (i64.const 0)))

  ;; Walks from `at` towards `end`, both places in memory.
  (func (export "skip") (param $at i32) (param $end i32) (result i32)
    (local $byte i32) (local $expected i32) (local $depth i32) (local $inString i32) (local $close i32)
    (local.set $expected (global.get $expected))
    (local.set $depth (global.get $depth))
    (local.set $inString (global.get $inString))
    (block $more
      (block $bad
        (loop $next
          (if (local.get $inString) (then
            ;; Most strings are short: they end with the first quote or backslash of their 16 bytes or, where these hold none,
            ;; with the byte behind them.
            (block $closed
              (local.set $close (i32.add (local.get $at) (call $nearSpecial (local.get $at))))
              (br_if $closed (i32.and
                (i32.and
                  (i32.eq (i32.load8_u (local.get $close)) (global.get $QUOTE))
                  (i32.lt_u (local.get $close) (local.get $end)))
                (i64.eqz (global.get $escaped))))
              (local.set $close (call $closingQuote (local.get $at) (local.get $end)))
              (br_if $closed (i32.gt_s (local.get $close) (i32.const 0)))
              (local.set $at (i32.sub (i32.const 0) (local.get $close)))
              (br $more))
            (local.set $at (i32.add (local.get $close) (i32.const 1)))
            (local.set $inString (i32.const 0))
            ;; What mostly follows is another string. Only a hint: what does not match, or lies in the next window, is read below.
            (if (i32.lt_u (i32.add (local.get $at) (i32.const 1)) (local.get $end)) (then
              (if (i32.eq (local.get $expected) (global.get $COLON))
                (then
                  (if (i32.eq (i32.load16_u (local.get $at)) (global.get $COLON_QUOTE)) (then
                    (local.set $expected (global.get $COMMA_OR_END))
                    (local.set $at (i32.add (local.get $at) (i32.const 2)))
                    (local.set $inString (i32.const 1))
                    (br $next))))
                (else
                  (if (i32.and (i32.eq (i32.load16_u (local.get $at)) (global.get $COMMA_QUOTE)) (i32.ne (local.get $depth) (i32.const 0))) (then
                    (local.set $expected
                      (select (global.get $COLON) (global.get $COMMA_OR_END) (call $inObject (local.get $depth))))
                    (local.set $at (i32.add (local.get $at) (i32.const 2)))
                    (local.set $inString (i32.const 1))
                    (br $next)))))))))

          ;; Outside of all containers, and something was read that is no key: the whole value.
          (if (i32.and (i32.eqz (local.get $depth)) (i32.eq (local.get $expected) (global.get $COMMA_OR_END)))
            (then (return (i32.or (i32.shl (local.get $at) (i32.const 2)) (global.get $DONE)))))

          (br_if $more (i32.ge_u (local.get $at) (local.get $end)))
          (local.set $byte (i32.load8_u (local.get $at)))
          (if (i32.le_u (local.get $byte) (global.get $SPACE)) (then
            (br_if $bad (i32.eqz (call $isSpace (local.get $byte))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $next)))

          (block $commaOrEnd
            (block $colon
              (block $key
                (block $value
                  (br_table $value $value $key $key $colon $commaOrEnd (local.get $expected)))

                ;; $value
                (if (i32.eq (local.get $byte) (global.get $QUOTE)) (then
                  (local.set $expected (global.get $COMMA_OR_END))
                  (local.set $at (i32.add (local.get $at) (i32.const 1)))
                  (local.set $inString (i32.const 1))
                  (br $next)))
                (if (call $opens (local.get $byte)) (then
                  (br_if $bad (i32.ge_u (local.get $depth) (global.get $room)))
                  ;; In ASCII, a closing bracket or brace comes two behind its opening one.
                  (i32.store8 (local.get $depth) (i32.add (local.get $byte) (i32.const 2)))
                  (local.set $depth (i32.add (local.get $depth) (i32.const 1)))
                  (local.set $expected
                    (select (global.get $KEY_OR_END) (global.get $ELEMENT_OR_END) (call $inObject (local.get $depth))))
                  (local.set $at (i32.add (local.get $at) (i32.const 1)))
                  (br $next)))
                (br_if $commaOrEnd (i32.and
                  (i32.eq (local.get $expected) (global.get $ELEMENT_OR_END))
                  (i32.eq (local.get $byte) (global.get $CLOSE_BRACKET))))
                (global.set $expected (global.get $COMMA_OR_END))
                (global.set $depth (local.get $depth))
                (global.set $inString (i32.const 0))
                (return (i32.or (i32.shl (local.get $at) (i32.const 2)) (global.get $ATOM))))

              ;; $key
              (if (i32.eq (local.get $byte) (global.get $QUOTE)) (then
                (local.set $expected (global.get $COLON))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (local.set $inString (i32.const 1))
                (br $next)))
              (br_if $commaOrEnd (i32.and
                (i32.eq (local.get $expected) (global.get $KEY_OR_END))
                (i32.eq (local.get $byte) (global.get $CLOSE_BRACE))))
              (br $bad))

            ;; $colon
            (br_if $bad (i32.ne (local.get $byte) (i32.const 0x3a)))
            (local.set $expected (global.get $VALUE))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $next))

          ;; $commaOrEnd
          (if (i32.eq (local.get $byte) (global.get $COMMA)) (then
            (local.set $expected (select (global.get $KEY) (global.get $VALUE) (call $inObject (local.get $depth))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $next)))
          (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
          (br_if $bad (i32.ne (local.get $byte) (i32.load8_u (local.get $depth))))
          (local.set $expected (global.get $COMMA_OR_END))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next)))
      ;; $bad
      (return (i32.or (i32.shl (local.get $at) (i32.const 2)) (global.get $BAD))))
    ;; $more
    (global.set $expected (local.get $expected))
    (global.set $depth (local.get $depth))
    (global.set $inString (local.get $inString))
    (i32.or (i32.shl (local.get $at) (i32.const 2)) (global.get $MORE)))

  (func $opens (param $byte i32) (result i32)
    (i32.or
      (i32.eq (local.get $byte) (global.get $OPEN_BRACE))
      (i32.eq (local.get $byte) (global.get $OPEN_BRACKET))))

  ;; Whether the innermost of `depth` containers, at least one, is an object.
  (func $inObject (param $depth i32) (result i32)
    (i32.eq (i32.load8_u (i32.sub (local.get $depth) (i32.const 1))) (global.get $CLOSE_BRACE)))

  ;; RFC 8259, section 2; of bytes up to the space.
  (func $isSpace (param $byte i32) (result i32)
    (i32.or
      (i32.eq (local.get $byte) (global.get $SPACE))
      (i32.and (i32.shr_u (i32.const 0x2600) (local.get $byte)) (i32.const 1)))) ;; bits 9, 10 and 13

  ;; How far it is to the first quote or backslash; 16 when there is none in 16 bytes.
  (func $nearSpecial (param $at i32) (result i32)
    (local $bytes v128)
    (local.set $bytes (v128.load (local.get $at)))
    (i32.ctz (i32.or (i32.const 0x10000) (i8x16.bitmask (v128.or
      (i8x16.eq (local.get $bytes) (i8x16.splat (global.get $QUOTE)))
      (i8x16.eq (local.get $bytes) (i8x16.splat (global.get $BACKSLASH))))))))

  ;; The place of the quote that ends a string, from inside it. When it is not in the window: the place to go on from, negated.
  (func $closingQuote (param $at i32) (param $end i32) (result i32)
    (local $quotes i64) (local $slashes i64) (local $escaped i64) (local $runs i64) (local $place i32)
    (local.set $escaped (global.get $escaped))
    (loop $next
      (local.set $quotes (call $equalTo (local.get $at) (i8x16.splat (global.get $QUOTE))))
      (local.set $slashes (call $equalTo (local.get $at) (i8x16.splat (global.get $BACKSLASH))))
      ;; An escape is a backslash that is not escaped itself: every second one of a run. Subtracting the first bits of the
      ;; runs from a pattern of odd bits flips it from there to the run's end, so that what began at an even place ends
      ;; like what began at an odd one (simdjson, src/generic/stage1/json_escape_scanner.h).
      (local.set $runs (i64.and (local.get $slashes) (i64.xor (local.get $escaped) (i64.const -1))))
      (local.set $runs (i64.xor (global.get $ODD) (i64.sub
        (i64.or (i64.shl (local.get $runs) (i64.const 1)) (global.get $ODD))
        (local.get $runs))))
      ;; Out of the quotes go the escaped ones.
      (local.set $quotes (i64.and (local.get $quotes) (i64.xor (i64.const -1)
        (i64.xor (local.get $runs) (i64.or (local.get $slashes) (local.get $escaped))))))
      (if (i64.eqz (local.get $quotes)) (then
        (if (i32.le_u (i32.add (local.get $at) (i32.const 64)) (local.get $end)) (then
          (local.set $escaped (i64.shr_u (i64.and (local.get $runs) (local.get $slashes)) (i64.const 63)))
          (local.set $at (i32.add (local.get $at) (i32.const 64)))
          (br $next))))))
    (local.set $place (i32.add (local.get $at) (i32.wrap_i64 (i64.ctz (local.get $quotes)))))
    (if (i32.ge_u (local.get $place) (local.get $end)) (then
      (global.set $escaped (local.get $escaped))
      (return (i32.sub (i32.const 0) (local.get $at)))))
    (global.set $escaped (i64.const 0))
    (local.get $place))

  ;; Which of the 64 bytes from `at` on equal those of `wanted`: one bit each, the lowest for the first.
  (func $equalTo (param $at i32) (param $wanted v128) (result i64)
    (i64.or
      (i64.or
        (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load (local.get $at)) (local.get $wanted))))
        (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=16 (local.get $at)) (local.get $wanted))))
          (i64.const 16)))
      (i64.or
        (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=32 (local.get $at)) (local.get $wanted))))
          (i64.const 32))
        (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=48 (local.get $at)) (local.get $wanted))))
          (i64.const 48)))))
)
