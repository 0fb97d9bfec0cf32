"""The templates of the built-in stories: eight plots, each a sequence of sentences with alternatives.

A slot such as `{toy}` is filled at its first mention and repeated from memory afterwards, so words at the
end of a plot (the toy in the box, the color of the roses, was or were) are determined by its beginning.
"""

_PHRASES = {
    "one_day": """
        3: One [fine] [daytime]
        One day in [season]
        One [fine] and [mild] [daytime]
    """,
    "near": """
        2: [by] the [spot]
        3: [by] the [old] [spot]
        [by] the [old] [mossy] [spot]
    """,
    "walked": """
        4: [walked]
        [quickly] [walked]
        [walked] [quickly]
    """,
    "smiled": """
        3: [smiled]
        [smiled] [quickly]
        [quickly] [smiled]
    """,
    "sang": """
        2: [sang]
        [quickly] [sang]
    """,
    "said": """
        3: [said]
        [quickly] [said]
    """,
}

_LOST = {
    "lost": "<lost_toy> <lost_love> <lost_day> <lost_help> <lost_found> <lost_end>",
    "lost_toy": """
        {Hero} had a [nice] {colour} {toy}.
        {Hero} was a [kind] {hero.boy} and {hero.he} had a [nice] {colour} {toy}.
        {Hero} got a [nice] {colour} {toy} from {hero.his} [cousin].
    """,
    "lost_love": """
        The {colour} {toy} was [nice] and {hero} [often] played with it.
        {Hero} [often] [carried] the {colour} {toy} to the [peaceful] [place].
        {Hero} and the {colour} {toy} [often] went to the [peaceful] [place].
    """,
    "lost_day": """
        <one_day> {hero} lost the {colour} {toy} <near>.
        <one_day> {hero} <walked> to the [place] and lost {hero.his} {toy}.
    """,
    "lost_help": """
        {Hero} and {hero.his} friend {friend} [looked] <near>.
        {Hero} asked {hero.his} [kind] friend {friend} to look <near>.
    """,
    "lost_found": """
        {Friend} [quickly] found the {colour} {toy} <near>.
        At last {friend} saw the {colour} {toy} <near>.
    """,
    "lost_end": """
        {Hero} thanked {friend} and <walked> home with the {toy}.
        "Here is your {colour} {toy}," <said> {friend}, and {hero} <smiled>.
        {Hero} was [happy] and let {friend} play with the {toy}.
    """,
}

_BOX = {
    "box": "<box_put> <box_toy> <box_leave> <box_see> <box_home> <box_end>",
    "box_put": """
        <one_day> {hero} put a [nice] {toy} in a [roomy] {container}.
        {Hero} [often] kept a [nice] {toy} in a [roomy] {container}.
    """,
    "box_toy": """
        The {toy} in the {container} was [nice].
        {Hero} liked the {toy} and the {container} was [roomy].
    """,
    "box_leave": """
        Then {hero} <walked> to the [place] with {hero.his} [cousin].
        Then {hero} and {hero.his} [cousin] <walked> to the [peaceful] [place].
    """,
    "box_see": """
        There {hero} [saw] {animal.a} [furry] {animal}, and the [furry] {animal} {animal.was} [hungry].
        There {hero} [saw] {animal.a} [furry] {animal} and gave {animal.them} [tasty] {animal.food}.
    """,
    "box_home": """
        At [night] {hero} <walked> home and opened the {container}.
        At [night] {hero} [quickly] took the {toy} out of the {container}.
    """,
    "box_end": """
        "My {toy} is still in the {container}," <said> {hero}.
        {Hero} played with the {toy} and put it back in the {container}.
        {Hero} <smiled> and told the {toy} about the {animal}.
    """,
}

_FEEDING = {
    "feeding": "<feeding_walk> <feeding_see> <feeding_hungry> <feeding_feed> <feeding_home> <feeding_end>",
    "feeding_walk": """
        2: <one_day> {hero} and {hero.his} {relative} <walked> to the [peaceful] [place].
        {Hero} was a [kind] {hero.boy}, and {hero.his} {relative} was [kind] too.
    """,
    "feeding_see": """
        {Hero} and {hero.his} {relative} [saw] {animal.a} [furry] {animal} <near>.
        {Hero} told {hero.his} {relative} about {animal.a} [furry] {animal} <near>.
    """,
    "feeding_hungry": """
        2: The {animal} <near> {animal.was} [hungry].
        The {animal} <near> {animal.was} [hungry] and [shy].
        "{Animal.this} {animal} {animal.is} [hungry]," <said> {hero.his} {relative}.
    """,
    "feeding_feed": """
        {Hero} gave the {animal} [tasty] {animal.food}.
        {Hero} [carried] the {animal} [tasty] {animal.food} and <smiled>.
    """,
    "feeding_home": """
        Then the {animal} <walked> back to {animal.its} [old] {animal.home}.
        At [night] the {animal} {animal.was} [shy] and {animal.it} <walked> home.
    """,
    "feeding_end": """
        {Hero} and {hero.his} {relative} never forgot the {animal}.
        "I like the {animal}," <said> {hero}, and {hero.his} {relative} <smiled>.
    """,
}

_BAKING = {
    "baking": "<baking_plan> <baking_mix> <baking_oven> <baking_carry> <baking_end>",
    "baking_plan": """
        <one_day> {hero} [wanted] to make {dish.a} [tasty] {dish} for {friend}.
        {Hero} [wanted] to bake {dish.a} [tasty] {dish} for {hero.his} [kind] friend {friend}.
    """,
    "baking_mix": """
        {Hero} washed [fruit] and mixed [flour] and [milk] for the {dish}.
        {Hero} and {hero.his} [cousin] mixed [flour] and [milk] for the {dish}.
    """,
    "baking_oven": """
        The {dish} in the [old] oven {dish.was} soon [tasty] and [warm].
        Soon the {dish} [beside] the [old] [stove] {dish.was} [warm].
    """,
    "baking_carry": """
        {Hero} [quickly] [carried] the {dish} to {friend}.
        At [night] {hero} <walked> to {friend} with the {dish}.
    """,
    "baking_end": """
        "{Dish.this} {dish.is} the best {dish} in the [world]," <said> {friend}, and {hero} <smiled>.
        {Friend} <smiled> and ate the {dish} with {hero}.
        {Friend} thanked {hero} for the [tasty] {dish}.
    """,
}

_QUEST = {
    "quest": "<quest_once> <quest_gone> <quest_hero> <quest_way> <quest_found> <quest_end>",
    "quest_once": """
        Once a [kind] {royal} had a [nice] {jewel}.
        Once there was a [kind] {royal} and {royal.he} had a [nice] {jewel}.
    """,
    "quest_gone": """
        <one_day> the {royal} lost the {jewel} <near>.
        The {royal} loved the {jewel} but {royal.he} lost it <near>.
    """,
    "quest_hero": """
        {Hero} was a [kind] {hero.boy} and {hero.he} [wanted] to help the {royal}.
        The {royal} asked {hero} to look for the {jewel}, and {hero} <smiled>.
    """,
    "quest_way": """
        {Hero} <walked> through the [far] for [ten] days.
        {Hero} <walked> through [far] and over [old] [hills].
    """,
    "quest_found": """
        At last {hero} found the {jewel} <near>.
        {Hero} [quickly] saw the {jewel} <near>.
    """,
    "quest_end": """
        The {royal} <smiled> and gave {hero} [ten] [nice] stones.
        The {royal} was [happy] and let {hero} keep the {jewel}.
        {Hero} gave the {jewel} to the {royal} and the {royal} <smiled>.
    """,
}

_HIDING = {
    "hiding": """
        <hiding_play> <hiding_hide> <hiding_look> <hiding_look> <hiding_quiet> <hiding_found> <hiding_end>
    """,
    "hiding_play": """
        <one_day> {hero} and {friend} <walked> to the [peaceful] [place].
        {Hero} [wanted] to play hide and seek with {friend}.
    """,
    "hiding_hide": """
        {Hero} hid behind the [old] {cart} and {friend} counted to [ten].
        {Friend} counted to [ten] and {hero} hid behind the {cart}.
    """,
    "hiding_look": """
        {Friend} [looked] <near> but {hero} was not there.
        "Are you <near>?" asked {friend}.
    """,
    "hiding_quiet": """
        -
        {Hero} <smiled> but {friend} did not hear {hero}.
    """,
    "hiding_found": """
        At last {friend} found {hero} behind the {cart}.
        "I can see you behind the {cart}," <said> {friend}, and {hero} <smiled>.
    """,
    "hiding_end": """
        Then {friend} hid and {hero} counted to [ten].
        At [night] {hero} and {friend} <walked> home.
    """,
}

_TRIP = {
    "trip": "<trip_go> <trip_ride> <trip_gift> <trip_gladness> <trip_back> <trip_end>",
    "trip_go": """
        2: <one_day> {hero} and {hero.his} {relative} went to the {sight} by [train].
        {Hero} [wanted] to see the {sight} and {hero.his} {relative} <smiled>.
    """,
    "trip_ride": """
        {Hero} and {hero.his} {relative} went [quickly] through [far] and [old] [hills].
        The road to the {sight} was full of [happy] people.
    """,
    "trip_gift": """
        At the {sight} {hero} got a [nice] {toy} from {hero.his} {relative}.
        At the {sight} {hero} saw a [nice] {toy} and {hero.his} {relative} bought it.
    """,
    "trip_gladness": """
        {Hero} was [happy] with the {toy} and <sang>.
        The {toy} was [nice] and {hero} <smiled>.
    """,
    "trip_back": """
        At [night] {hero} <walked> to bed with the {toy}.
        At [night] {hero} and {hero.his} {relative} <walked> home from the {sight}.
    """,
    "trip_end": """
        "I [often] think of the {sight}," <said> {hero}.
        {Hero} [often] played with the {toy} from the {sight}.
        {Hero} thanked {hero.his} {relative} for the {toy} and the [fine] [daytime].
    """,
}

_FLOWERS = {
    "flowers": "<flowers_plant> <flowers_water> <flowers_grow> <flowers_pick> <flowers_end>",
    "flowers_plant": """
        <one_day> {hero} planted [nice] {flower} <near>.
        <one_day> {hero} and {hero.his} [cousin] planted [nice] {flower}.
    """,
    "flowers_water": """
        {Hero} [often] gave the {flower} cool water.
        {Hero} [often] [walked] to the {flower} and <sang>.
    """,
    "flowers_grow": """
        Soon the {flower} were [tall] and {colour}, and {hero} liked the {colour} {flower}.
        The {flower} <near> were {colour} and {hero} was [happy].
    """,
    "flowers_pick": """
        Then {hero} [carried] the {colour} {flower} to {hero.his} friend {friend}.
        Then {hero} <walked> to {hero.his} [kind] friend {friend} with the {flower}.
    """,
    "flowers_end": """
        "I love {colour} {flower}," <said> {friend}, and {hero} <smiled>.
        {Friend} thanked {hero} and put the {flower} in the [kitchen].
        {Friend} <smiled> and kept the {colour} {flower} for [ten] days.
    """,
}

_PLOTS = {
    "story": """
        <lost>
        <box>
        <feeding>
        <baking>
        <quest>
        <hiding>
        <trip>
        <flowers>
    """,
}

RULES = {
    **_PLOTS,
    **_PHRASES,
    **_LOST,
    **_BOX,
    **_FEEDING,
    **_BAKING,
    **_QUEST,
    **_HIDING,
    **_TRIP,
    **_FLOWERS,
}
