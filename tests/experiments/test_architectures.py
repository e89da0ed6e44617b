import io

from rich.console import Console

from swann.experiments import architectures, architectures_markdown, architectures_table, environment


def test_the_weights_and_multiplications_of_table_1():
    found = {one.name: one for one in architectures()}
    assert list(found) == ["MNIST-5", "ConvNet-C", "DenseNet-40", "AlexNet", "ResNet-18"]
    assert found["MNIST-5"].layers[0] == "5×5 conv 6"
    assert found["MNIST-5"].layers[-1] == "linear 10"
    assert found["ConvNet-C"].n_nodes == 4749
    assert len(found["DenseNet-40"].layers) == 40
    assert found["DenseNet-40"].weights == 910_440 + 168**2 + 312**2 + 4560
    assert found["DenseNet-40"].n_nodes == 3 + 24 + 36 * 12 + 168 + 312 + 10
    assert 58e6 < found["AlexNet"].weights < 62e6
    assert 1.6e9 < found["ResNet-18"].macs < 1.9e9  # 1.8 with the shortcuts' own convolutions


def test_tables():
    found = architectures()
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(architectures_table(found))
    assert "2 × (3×3 conv 64)" in console.export_text()
    page = architectures_markdown(found, environment())
    assert page.startswith("# Architectures (Table I)\n\n- Command: `swann")
    assert "| 3×224×224 |" in page
