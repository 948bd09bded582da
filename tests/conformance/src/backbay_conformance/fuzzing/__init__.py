"""Fuzzing: inputs made from good ones, and the laws that must hold of every one of them.

A plugin with a wire of its own gets the surfaces of it from the conformance test that it ships; in its tests:

    from backbay_conformance.fuzzing.examples import hold
    from backbay_conformance.fuzzing.shipped import surfaces_of

    @pytest.mark.parametrize("surface", surfaces_of("acme"), ids=str)
    def test_nothing_but_typed_errors_comes_of_any_input(surface):
        hold(surface)
"""
